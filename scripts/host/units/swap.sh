# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# No swap: memory that is written out must be read back.

swap_explain() {
	cat <<'TEXT'
A page that was swapped out costs its reader 50 us to 10 ms.  Huge pages are never swapped, but code,
stacks and the control plane are.  apply runs swapoff for each swap and remembers its priority; undo
switches them on again.  /etc/fstab is yours: what it names comes back with the next boot.
TEXT
}

swap_areas() {
	local name type size used priority
	AREAS=()
	while read -r name type size used priority; do
		[ "$name" = Filename ] || [ -z "$name" ] || AREAS+=("$name $priority")
	done <"$ROOT/proc/swaps"
} 2>/dev/null

swap_check() {
	local device folder type rest
	why="a page that was swapped out costs its reader 50 us to 10 ms"
	swap_areas
	if [ ${#AREAS[@]} = 0 ]; then
		found pass "areas" "none" "none"
	else
		found warn "areas" "${#AREAS[@]}: ${AREAS[*]%% *}" "none" "swapoff -a, and take them out of /etc/fstab"
	fi
	if [ -r "$ROOT/etc/fstab" ]; then
		while read -r device folder type rest; do
			[ "$type" != swap ] || [[ $device == \#* ]] ||
				found info "fstab" "$device comes back with the next boot" "no swap in /etc/fstab" \
					"put # before its line in /etc/fstab"
		done <"$ROOT/etc/fstab"
	fi
}

swap_apply() {
	local area name status=0 record
	swap_areas
	[ ${#AREAS[@]} -gt 0 ] || told already "there is no swap"
	local i
	# The last one first: undo goes the other way round, so each gets the kernel's place it had.
	for ((i = ${#AREAS[@]} - 1; i >= 0; i--)); do
		area=${AREAS[i]}
		name=${area% *}
		if [ $YES = no ]; then
			told would "swapoff $name (priority ${area##* })"
			continue
		fi
		remember swap "$name" text "${area##* }" || { status=1; continue; }
		record=$REPLY
		if run_tool swapoff "$name"; then
			told "done" "swapoff $name"
		else
			forget "$record"
			told failed "swapoff $name: not permitted, or too little memory for what it holds"
			status=1
		fi
	done
	return $status
}

undo_swap() {
	local area priority
	swap_areas
	for area in "${AREAS[@]}"; do
		[ "${area% *}" != "$2" ] || { told already "$2 is in use"; return 0; }
	done
	read_line "$1/before"
	priority=$REPLY
	if [ "$priority" -ge 0 ]; then
		run_tool swapon -p "$priority" "$2"
	else
		run_tool swapon "$2" # a negative one is the kernel's own choice
	fi || { told failed "swapon $2: is it still there?"; return 1; }
	told undone "swapon $2"
}
