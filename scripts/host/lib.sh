# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What host-setup, its units and nic-bind share: reading a machine, telling what was found, changing
# a thing so that it can be put back.  bash and coreutils only; further tools are used where a
# machine has them.  Everything is read and written below $ROOT (--root), so a test makes machines
# out of folders.
#
# A change is remembered before it is made: $STATE/changes/NUMBER/ has unit, kind, path, the bytes of
# before, and, once it is made, those of after.  Undo goes from the last to the first.  What is
# neither before nor after was changed by somebody else since, and is left alone unless --force.
#
# No process substitution anywhere here: it needs /dev/fd, which a minimal root does not have.

ROOT=""
STATE_DIR=${SLUICE_HOST_STATE:-/var/lib/sluice/host}
YES=no FORCE=no FORGET=no JSON=no
UNIT=""  # the unit that is at work
why=""   # why the next findings matter, in terms of latency
PROGRAM=${0##*/}
# What an operator types to call the two tools as this one was called: HOST_SETUP and NIC_BIND.
case ${SLUICE_CALLED_BY-} in
sluicectl) HOST_SETUP="sluicectl host" NIC_BIND="sluicectl bind" ;;
*)
	HOST_SETUP=host-setup NIC_BIND=nic-bind
	[[ $PROGRAM != sluice-* ]] || { HOST_SETUP=sluice-host-setup NIC_BIND=sluice-nic-bind; }
	if [[ $0 == */* ]] && [ "$(command -v "$PROGRAM")" != "$0" ]; then
		HOST_SETUP=${0%/*}/$HOST_SETUP NIC_BIND=${0%/*}/$NIC_BIND
	fi
	;;
esac

say() { [ "$JSON" = yes ] || printf '%s\n' "$*"; }
complain() { printf '%s: %s\n' "$PROGRAM" "$*" >&2; }
wrong_usage() {
	complain "$*; see $PROGRAM --help"
	exit 2
}

# --- reading

# The first line of a file, into $REPLY; false when it cannot be read.  No process is started.
read_line() {
	REPLY=""
	[ -r "$1" ] && [ -f "$1" ] || return 1
	{ IFS= read -r REPLY <"$1" || [ -n "$REPLY" ]; } 2>/dev/null
}

# What a file says now: of "always [madvise] never" the word in brackets.
value_of_text() {
	REPLY=$1
	if [[ $REPLY =~ \[([^]]+)\] ]]; then REPLY=${BASH_REMATCH[1]}; fi
	REPLY=${REPLY%"${REPLY##*[![:space:]]}"}
}
value_of() { read_line "$1" && value_of_text "$REPLY"; }

# What a tool that only looks says; below $ROOT a file stands for it.
ask_tool() {
	if [ -n "$ROOT" ]; then
		cat "$ROOT/tools/$1" 2>/dev/null
	else
		shift
		have "$1" && "$@" 2>/dev/null
	fi
}
have() { command -v "$1" >/dev/null 2>&1; }
sum_of() { sha256sum <"$1" | cut -d' ' -f1; }
same_bytes() { [ "$(sum_of "$1")" = "$(sum_of "$2")" ]; }

# "0-2,5" into the array CPUS, ascending; false when it is no list.
CPUS=()
cpus_of() {
	local part first last
	CPUS=()
	local -A seen=()
	for part in ${1//,/ }; do
		if [[ $part =~ ^([0-9]{1,5})(-([0-9]{1,5}))?$ ]]; then
			first=$((10#${BASH_REMATCH[1]}))
			last=$((10#${BASH_REMATCH[3]:-$first}))
			[ "$first" -le "$last" ] || return 1
			while [ "$first" -le "$last" ]; do
				seen[$first]=1
				first=$((first + 1))
			done
		else
			return 1
		fi
	done
	[ ${#seen[@]} -gt 0 ] || return 0
	mapfile -t CPUS <<<"$(printf '%s\n' "${!seen[@]}" | sort -n)"
}

# Numbers, ascending, into "0-2,5".
list_of() {
	local text="" first="" last="" n
	for n in "$@" end; do
		if [ -n "$last" ] && [ "$n" != end ] && [ "$n" = $((last + 1)) ]; then
			last=$n
			continue
		fi
		if [ -n "$first" ]; then
			text+=${text:+,}$first
			[ "$first" = "$last" ] || text+=-$last
		fi
		first=$n last=$n
	done
	REPLY=$text
}

# Numbers into the kernel's form of a mask, groups of 32 bits: "0000000f,ffffffff".
mask_of() {
	local n highest=0 group text="" hex
	local -A bits=()
	for n in "$@"; do
		group=$((n / 32))
		bits[$group]=$((${bits[$group]:-0} | 1 << n % 32))
		[ "$group" -le "$highest" ] || highest=$group
	done
	for ((group = highest; group >= 0; group--)); do
		if [ "$group" = "$highest" ]; then
			printf -v hex '%x' "${bits[$group]:-0}"
		else
			printf -v hex '%08x' "${bits[$group]:-0}"
		fi
		text+=${text:+,}$hex
	done
	REPLY=$text
}

# The last value of a word of the kernel's command line; false when it is not there.
cmdline_value() {
	local word hit=1
	read_line "$ROOT/proc/cmdline" || return 1
	local line=$REPLY
	REPLY=""
	for word in $line; do
		case $word in
		"$1") REPLY="" hit=0 ;;
		"$1="*) REPLY=${word#*=} hit=0 ;;
		esac
	done
	return $hit
}

# What keeps us from changing anything, in words; false when nothing does.
held_back_by() {
	local caps status=$ROOT/proc/self/status
	REPLY=""
	if [ -n "$ROOT" ]; then
		[ -e "$status" ] || return 1
	elif [ "$(id -u)" != 0 ]; then
		REPLY="needs root: sudo $PROGRAM ..."
		return 0
	fi
	while read -r caps REPLY; do
		[ "$caps" = CapEff: ] && break
	done <"$status"
	if ! ((16#${REPLY:-0} >> 21 & 1)); then
		REPLY="this is a container without CAP_SYS_ADMIN: what it would change belongs to the host; run it there"
		return 0
	fi
	return 1
}

# --- telling what was found

FINDINGS=()
PASSED=0 WARNED=0 FAILED=0 TOLD=0
json_text() {
	local s=$1
	s=${s//\\/\\\\}
	s=${s//\"/\\\"}
	s=${s//$'\n'/\\n}
	s=${s//$'\t'/\\t}
	s=${s//[$'\001'-$'\037']/ }
	REPLY="\"$s\""
}
# json_object NAME VALUE...: all values are text.
json_object() {
	local out="" name
	while [ $# -gt 1 ]; do
		json_text "$1"
		name=$REPLY
		json_text "$2"
		out+=${out:+,}$name:$REPLY
		shift 2
	done
	REPLY="{$out}"
}

# found STATUS ITEM MEASURED WANTED [FIX]; STATUS: pass, warn, fail, info (told), skip (not here).
found() {
	case $1 in
	pass) PASSED=$((PASSED + 1)) ;;
	warn) WARNED=$((WARNED + 1)) ;;
	fail) FAILED=$((FAILED + 1)) ;;
	*) TOLD=$((TOLD + 1)) ;;
	esac
	if [ "$JSON" = yes ]; then
		json_object unit "$UNIT" item "$2" status "$1" measured "$3" wanted "$4" why "$why" fix "${5-}"
		FINDINGS+=("$REPLY")
		return
	fi
	case $1 in
	pass) printf '%-4s  %-15s %s: %s\n' "$1" "$UNIT" "$2" "$3" ;;
	skip) printf '%-4s  %-15s %s: %s\n' "$1" "$UNIT" "$2" "$3" ;;
	*)
		printf '%-4s  %-15s %s: %s; wanted: %s\n' "$1" "$UNIT" "$2" "$3" "$4"
		printf '          why: %s\n' "$why"
		[ -z "${5-}" ] || printf '          fix: %s\n' "$5"
		;;
	esac
}

# judge_value STATUS PATH ITEM PATTERN WANTED FIX_VALUE: a file of one value, good when it matches.
judge_value() {
	if ! value_of "$ROOT$2"; then
		if [ -e "$ROOT$2" ]; then
			found warn "$3" "cannot be read" "$5" "look as root: cat $2"
		else
			found skip "$3" "this kernel has no $2" "$5"
		fi
		return
	fi
	if [[ $REPLY =~ ^($4)$ ]]; then
		found pass "$3" "$REPLY" "$5"
	else
		found "$1" "$3" "${REPLY:-empty}" "$5" "echo $6 > $2"
	fi
}

# --- changing, and remembering

CHANGES=()
CHANGED=0 TO_CHANGE=0 BROKEN=0
STATE="" # set by state_open
MADE=()  # numbers of the changes this run made, for --measure

# told RESULT WHAT [BEFORE AFTER]; RESULT: done, would, already, failed, left, undone, told
told() {
	case $1 in
	done | undone) CHANGED=$((CHANGED + 1)) ;;
	would) TO_CHANGE=$((TO_CHANGE + 1)) ;;
	failed | left) BROKEN=$((BROKEN + 1)) ;;
	esac
	if [ "$JSON" = yes ]; then
		json_object unit "$UNIT" result "$1" what "$2" before "${3-}" after "${4-}"
		CHANGES+=("$REPLY")
	elif [ "$1" = failed ] || [ "$1" = left ]; then
		printf '%-7s  %-15s %s\n' "$1" "$UNIT" "$2" >&2
	else
		printf '%-7s  %-15s %s\n' "$1" "$UNIT" "$2"
	fi
}

state_path() { STATE=$ROOT$STATE_DIR; }
state_open() {
	state_path
	if ! mkdir -p "$STATE/changes" 2>/dev/null; then
		complain "$STATE cannot be made: what is changed could not be put back, so nothing is changed"
		exit 1
	fi
	# Two at once would remember each other's changes.  The lock goes with the process.
	if have flock; then
		exec 9>"$STATE/lock"
		if ! flock -n 9; then
			complain "another host-setup or nic-bind is at work; wait for it"
			exit 1
		fi
	fi
	# A change that was not remembered whole was not made.
	rm -rf "$STATE"/changes/*.new
	local record
	for record in "$STATE"/changes/[0-9]*; do
		[ -d "$record" ] || continue
		LAST_RECORD=$((10#${record##*/}))
		read_line "$record/kind"
		local kind=$REPLY
		read_line "$record/path"
		RECORD_OF["$kind $REPLY"]=$record
	done
}

# The one place that writes to the machine's files in /sys and /proc.
poke() {
	if [ -n "$ROOT" ] && [ -n "${SLUICE_FAKE_KERNEL-}" ]; then
		"$SLUICE_FAKE_KERNEL" "$ROOT" write "$1" "$2" || return 1
	else
		{ printf '%s\n' "$2" >"$1"; } 2>/dev/null || return 1
	fi
	# For tests of what a crash leaves behind.
	[ "${SLUICE_CRASH_AFTER-}" != "write ${1#"$ROOT"}" ] || kill -9 $$
	return 0
}

# remember KIND PATH [FILE WITH THE BYTES OF BEFORE | text TEXT]: into $REPLY its folder.  What is
# remembered already, with the same bytes, is not remembered twice: so a boot adds nothing (--again).
declare -A RECORD_OF=()
LAST_RECORD=0
remember() {
	local dir=${RECORD_OF["$1 $2"]-} same=no
	if [ -n "$dir" ] && [ -d "$dir" ]; then
		if [ "${3-}" = text ]; then
			[ "$(<"$dir/before")" = "$4" ] && same=yes
		elif [ -n "${3-}" ]; then
			[ -e "$dir/before" ] && same_bytes "$dir/before" "$3" && same=yes
		else
			[ -e "$dir/before" ] || same=yes
		fi
		if [ $same = yes ]; then
			rm -f "$dir/after"
			MADE+=("${dir##*/}")
			REPLY=$dir
			return 0
		fi
	fi
	LAST_RECORD=$((LAST_RECORD + 1))
	printf -v dir '%s/changes/%06d' "$STATE" $LAST_RECORD
	if ! { mkdir "$dir.new" && printf '%s\n' "$UNIT" >"$dir.new/unit" && printf '%s\n' "$1" >"$dir.new/kind" &&
		printf '%s\n' "$2" >"$dir.new/path"; } 2>/dev/null; then
		rm -rf "$dir.new"
		return 1
	fi
	if [ "${3-}" = text ]; then
		printf '%s\n' "$4" >"$dir.new/before"
	elif [ -n "${3-}" ]; then
		[ "$1" != file ] || cp -p "$3" "$dir.new/before" 2>/dev/null # its mode and owner, too
		cat "$3" >"$dir.new/before" 2>/dev/null || { rm -rf "$dir.new"; return 1; }
	fi
	# A value of the kernel is gone with the power; a file is not.
	[ "$1" != file ] || sync "$dir.new"/* 2>/dev/null
	mv "$dir.new" "$dir" || return 1
	RECORD_OF["$1 $2"]=$dir
	MADE+=("${dir##*/}")
	[ "${SLUICE_CRASH_AFTER-}" != "remember $2" ] || kill -9 $$
	REPLY=$dir
}
forget() { rm -rf "$1"; }

# set_value PATH VALUE: a file in /sys or /proc shall say VALUE.
set_value() {
	local path=$ROOT$1 before after record
	if ! value_of "$path"; then
		told already "$1 is not here or cannot be read: left alone"
		return 0
	fi
	before=$REPLY
	if [ "$before" = "$2" ]; then
		told already "$1 is $2" "$before" "$before"
		return 0
	fi
	if [ $YES = no ]; then
		told would "write $2 to $1 (now $before)" "$before" "$2"
		return 0
	fi
	remember value "$1" "$path" || { told failed "$1: its value cannot be remembered; not changed"; return 1; }
	record=$REPLY
	if ! poke "$path" "$2"; then
		value_of "$path"
		if [ "$REPLY" = "$before" ]; then forget "$record"; fi
		told failed "$1 cannot be set to $2: $(write_refusal "$path")" "$before" "$REPLY"
		return 1
	fi
	cat "$path" >"$record/after" 2>/dev/null
	value_of "$path"
	after=$REPLY
	if [ "$after" = "$before" ] && [ "$after" != "$2" ]; then
		forget "$record"
		told failed "$1 took $2 but still says $before" "$before" "$after"
		return 1
	fi
	told "done" "$1: $before -> $after" "$before" "$after"
}

# Why a file of /sys cannot be written, as far as it can be seen.
write_refusal() {
	local source target type options rest
	while read -r source target type options rest; do
		if [[ ${1#"$ROOT"} == "$target"/* && ",$options," == *,ro,* ]] && [ "$target" != / ]; then
			echo "$target is mounted read-only (is this a container?)"
			return
		fi
	done <"$ROOT/proc/mounts"
	[ -w "$1" ] || { echo "not permitted to write it"; return; }
	echo "the kernel refused the value"
}

# Makes folders, and remembers which ones were not there.
set_folder() {
	local path=$1
	[ ! -d "$ROOT$path" ] || return 0
	[ "$path" = / ] || [ -z "$path" ] || set_folder "$(dirname "$path")" || return 1
	if [ $YES = no ]; then
		return 0
	fi
	remember folder "$path" || return 1
	mkdir "$ROOT$path" 2>/dev/null || { forget "$REPLY"; told failed "folder $path cannot be made"; return 1; }
}

# set_file PATH TEXT: a whole file of our own making, or a new content of one that is there.
set_file() {
	local path=$ROOT$1 record new
	if [ -f "$path" ] && [ "$(cat "$path")" = "$2" ]; then
		told already "$1 has it"
		return 0
	fi
	if [ $YES = no ]; then
		told would "write $1: ${2//$'\n'/ | }"
		return 0
	fi
	set_folder "$(dirname "$1")" || return 1
	if [ -e "$path" ]; then remember file "$1" "$path"; else remember file "$1"; fi ||
		{ told failed "$1: its content cannot be remembered; not changed"; return 1; }
	record=$REPLY
	new=$path.sluice-new
	if ! { { [ ! -e "$path" ] || cp -p "$path" "$new"; } && printf '%s\n' "$2" >"$new" && sync "$new" &&
		mv "$new" "$path"; } 2>/dev/null; then
		rm -f "$new"
		forget "$record"
		told failed "$1 cannot be written: $(write_refusal "$path")"
		return 1
	fi
	cat "$path" >"$record/after"
	told "done" "$1 written"
}

# --- undo: one function per kind; true when nothing is left to undo

undo_value() {
	local record=$1 path=$ROOT$2 now before tries=0
	if ! value_of "$path"; then
		told undone "$2 is gone; nothing to put back"
		return 0
	fi
	now=$REPLY
	value_of "$record/before"
	before=$REPLY
	if [ "$now" = "$before" ]; then
		told already "$2 is $before"
		return 0
	fi
	if [ -e "$record/after" ] && [ $FORCE = no ]; then
		value_of "$record/after"
		if [ "$now" != "$REPLY" ]; then
			told left "$2 is $now: neither $before nor our $REPLY, so somebody else changed it; --force puts $before back, --forget keeps $now"
			return 1
		fi
	fi
	if ! poke "$path" "$before"; then
		told failed "$2 cannot be put back to $before: $(write_refusal "$path")"
		return 1
	fi
	value_of "$path"
	# Pages of a program that has just ended go a moment later.
	while [[ $2 == */nr_hugepages ]] && [ "$REPLY" != "$before" ] && [ $tries -lt 30 ]; do
		tries=$((tries + 1))
		[ -n "$ROOT" ] || sleep 0.1
		poke "$path" "$before"
		value_of "$path"
	done
	if [ "$REPLY" != "$before" ]; then
		now=$REPLY
		rm -f "$record/after" # what it will be when we are asked again is not somebody else's doing
		REPLY="in use?"
		[[ $2 != */nr_hugepages ]] || huge_holders
		told failed "$2 is $now after $before was written to it ($REPLY); run undo again"
		return 1
	fi
	told undone "$2: $now -> $before" "$now" "$before"
}

# Into REPLY who has huge pages: programs, and files that a killed one left in a hugetlbfs.
huge_holders() {
	local source target type rest entry files text=""
	for entry in "$ROOT"/proc/[0-9]*; do
		grep -qE ' /anon_hugepage|hugepages/' "$entry/maps" 2>/dev/null || continue
		read_line "$entry/comm" || REPLY="a program"
		text+=${text:+, }"$REPLY (process ${entry##*/})"
	done
	while read -r source target type rest; do
		[ "$type" = hugetlbfs ] || continue
		files=0
		for entry in "$ROOT$target"/*; do [ ! -f "$entry" ] || files=$((files + 1)); done
		[ $files = 0 ] || text+=${text:+, }"$files files in $target, which rm or umount takes away when no program has them"
	done <"$ROOT/proc/mounts"
	REPLY=${text:+held by $text}
	[ -n "$REPLY" ] || REPLY="nobody who could be seen holds them"
}

undo_file() {
	local record=$1 path=$ROOT$2
	if [ ! -e "$record/before" ]; then
		[ -e "$path" ] || { told already "$2 is not there"; return 0; }
	elif [ -e "$path" ] && same_bytes "$path" "$record/before"; then
		told already "$2 is as before"
		return 0
	fi
	if [ $FORCE = no ] && [ -e "$record/after" ] && { [ ! -e "$path" ] || ! same_bytes "$path" "$record/after"; }; then
		told left "$2 was changed by somebody else since; --force puts it back, --forget keeps it"
		return 1
	fi
	if [ -e "$record/before" ]; then
		{ cp -p "$record/before" "$path.sluice-new" && mv "$path.sluice-new" "$path"; } 2>/dev/null
	else
		rm -f "$path" 2>/dev/null
	fi || { told failed "$2 cannot be put back: $(write_refusal "$path")"; return 1; }
	told undone "$2 $([ -e "$record/before" ] && echo "has its bytes again" || echo removed)"
}

undo_folder() {
	rmdir "$ROOT$2" 2>/dev/null || [ ! -d "$ROOT$2" ] ||
		told already "folder $2 stays: somebody else put something into it"
	return 0
}

undo_mount() {
	mount_is "$2" || { told already "$2 is not mounted"; return 0; }
	run_tool umount "$ROOT$2" || { told failed "$2 cannot be unmounted (in use?); stop what uses it, then undo again"; return 1; }
	told undone "$2 unmounted"
}

modules_is_there() {
	local name=${1//-/_}
	[ -d "$ROOT/sys/module/$name" ] || [ -d "$ROOT/sys/bus/pci/drivers/$1" ]
}

undo_module() {
	local nic
	modules_is_there "$2" || { told already "$2 is not loaded"; return 0; }
	# The kernel would let it go and leave the NIC with no driver at all.
	for nic in "$ROOT/sys/bus/pci/drivers/$2"/0*; do
		[ -e "$nic" ] || [ -L "$nic" ] || continue
		told failed "$2 has NIC ${nic##*/}; $NIC_BIND unbind --yes ${nic##*/}, then undo again"
		return 1
	done
	run_tool modprobe -r "$2" # may complain of another module that it needed and that stays
	if modules_is_there "$2"; then
		told failed "$2 is in use; stop what uses it, then undo again"
		return 1
	fi
	told undone "$2 unloaded"
}

# Runs a program that changes the machine; against a folder only when the test brings its own.
run_tool() {
	if [ -n "$ROOT" ] && [ -z "${SLUICE_FAKE_KERNEL-}" ]; then
		return 1
	fi
	if [ -n "$ROOT" ]; then
		"$SLUICE_FAKE_KERNEL" "$ROOT" run "$@"
	else
		"$@" >/dev/null 2>&1
	fi
}

mount_is() {
	local source target rest
	while read -r source target rest; do
		[ "$target" != "$1" ] || return 0
	done <"$ROOT/proc/mounts"
	return 1
}

# undo_changes [NUMBER...]: those numbers, otherwise all of $UNIT; true when nothing is left.
undo_changes() {
	local record kind path left=0 all=()
	if [ $# -gt 0 ]; then
		for record in "$@"; do all=("$STATE/changes/$record" "${all[@]}"); done
	else
		for record in "$STATE"/changes/[0-9]*; do
			if [ -d "$record" ] && read_line "$record/unit" && [ "$REPLY" = "$UNIT" ]; then
				all=("$record" "${all[@]}")
			fi
		done
	fi
	for record in "${all[@]}"; do
		[ -d "$record" ] || continue
		read_line "$record/kind"
		kind=$REPLY
		read_line "$record/path"
		path=$REPLY
		if [ $YES = no ]; then
			told would "put back $path"
			continue
		fi
		if "undo_$kind" "$record" "$path"; then
			forget "$record"
		elif [ $FORGET = yes ]; then
			BROKEN=$((BROKEN - 1))
			forget "$record"
			told already "$path is kept as it is; its prior state is forgotten"
		else
			left=1
		fi
	done
	return $left
}

# After an undo: nothing of ours stays behind when nothing is remembered any more.
state_close() {
	local record
	for record in "$STATE"/changes/[0-9]*; do
		[ ! -e "$record" ] || return 0
	done
	for record in "$STATE"/bound/*; do
		[ ! -e "$record" ] || return 0
	done
	rm -f "$STATE/settings" "$STATE/applied" "$STATE/lock"
	rmdir "$STATE/changes" "$STATE/bound" "$STATE" "$(dirname "$STATE")" 2>/dev/null
	return 0
}

# print_json COMMAND STATUS: what was found or done, for a program.
print_json() {
	local list=("${FINDINGS[@]}") name=findings comma="" entry
	if [ "$1" != check ]; then
		list=("${CHANGES[@]}")
		name=changes
	fi
	printf '{"command":"%s","exit":%d,' "$1" "$2"
	if [ "$1" = check ]; then
		printf '"passed":%d,"warned":%d,"failed":%d,"told":%d,' $PASSED $WARNED $FAILED $TOLD
	else
		printf '"dry_run":%s,"changed":%d,"to_change":%d,"failed":%d,' \
			"$([ $YES = yes ] && echo false || echo true)" $CHANGED $TO_CHANGE $BROKEN
	fi
	printf '"%s":[' $name
	for entry in "${list[@]}"; do
		printf '%s\n%s' "$comma" "$entry"
		comma=,
	done
	printf ']}\n'
}

# --- settings of the host, and what follows from them

# name=default; what each means stands in the explanations of the units that read it.
SETTINGS=(lane_cpus= control_cpus= hugepages_kb=2048 hugepages_mb=1024 hugepages_nodes=
	hugepages_mount=/dev/hugepages cstate_max_us=1 turbo=leave smt=leave clock_offset_us=100 nics= mtu=1500
	rx_ring= limits_user=sluice modules=vfio-pci iommu=on)

setting_set() {
	local key=$1 value=$2 entry known=no
	for entry in "${SETTINGS[@]}"; do
		[ "${entry%%=*}" != "$key" ] || known=yes
	done
	if [ $known = no ]; then
		printf -v REPLY '%s ' "${SETTINGS[@]%%=*}"
		complain "$3: there is no setting '$key'; there are: $REPLY"
		return 1
	fi
	case $key in
	lane_cpus | control_cpus | hugepages_nodes) cpus_of "$value" ;;
	hugepages_kb) [[ $value =~ ^(2048|1048576|65536|524288|16777216)$ ]] ;;
	hugepages_mb | cstate_max_us | clock_offset_us) [[ $value =~ ^[0-9]{1,8}$ ]] ;;
	mtu) [[ $value =~ ^[0-9]{2,5}$ ]] ;;
	rx_ring) [[ $value =~ ^[0-9]{0,6}$ ]] ;;
	turbo) [[ $value =~ ^(leave|on|off)$ ]] ;;
	smt) [[ $value =~ ^(leave|siblings_off)$ ]] ;;
	iommu) [[ $value =~ ^(leave|on)$ ]] ;;
	hugepages_mount) [[ $value =~ ^/[A-Za-z0-9_./-]+$ ]] ;;
	limits_user) [[ $value =~ ^[@a-z_][a-z0-9_-]*$ ]] ;;
	modules | nics) [[ $value =~ ^[A-Za-z0-9_.:,@\ -]*$ ]] ;;
	esac || {
		complain "$3: '$value' is no value for $key"
		return 1
	}
	printf -v "$key" '%s' "$value"
}

# settings_read FILE: lines of 'key = value', # begins a comment.
settings_read() {
	local key value line number=0 status=0
	[ -r "$1" ] || return 0
	while IFS= read -r line || [ -n "$line" ]; do
		number=$((number + 1))
		line=${line%%#*}
		[[ $line =~ ^[[:space:]]*$ ]] && continue
		if ! [[ $line =~ ^[[:space:]]*([a-z_]+)[[:space:]]*=[[:space:]]*(.*)$ ]]; then
			complain "$1:$number: '$line' is not 'key = value'"
			status=1
			continue
		fi
		key=${BASH_REMATCH[1]}
		value=${BASH_REMATCH[2]}
		setting_set "$key" "${value%"${value##*[![:space:]]}"}" "$1:$number" || status=1
	done <"$1"
	return $status
}

settings_write() {
	local entry key
	for entry in "${SETTINGS[@]}"; do
		key=${entry%%=*}
		printf '%s = %s\n' "$key" "${!key}"
	done
}

online_cpus() {
	read_line "$ROOT/sys/devices/system/cpu/online" || REPLY=0
	cpus_of "$REPLY"
}

# Into CPUS: the online ones without a lane; never none.
housekeeping_cpus() {
	local cpu rest=()
	local -A lane=()
	cpus_of "$lane_cpus"
	for cpu in "${CPUS[@]}"; do lane[$cpu]=1; done
	online_cpus
	for cpu in "${CPUS[@]}"; do [ -n "${lane[$cpu]-}" ] || rest+=("$cpu"); done
	[ ${#rest[@]} -gt 0 ] || rest=(0)
	CPUS=("${rest[@]}")
}

# Into NICS: the PCI addresses the settings name, or all.
chosen_nics() {
	local name
	if [ -z "$nics" ]; then
		all_nics
		return
	fi
	NICS=()
	for name in ${nics//,/ }; do
		if resolve "$name"; then
			NICS+=("$REPLY")
		elif [ -z "$REPLY" ] && [ -e "$ROOT/sys/class/net/$name" ]; then
			: # an interface without PCI: nothing to say about its link
		else
			found fail "$name" "there is no such NIC" "a PCI address or an interface" "$NIC_BIND show"
		fi
	done
}

# Into INTERFACES: those of the chosen NICs, and those named that have no PCI device; into MISSING what
# was named and is not there.
chosen_interfaces() {
	local name all=()
	MISSING=()
	if [ -n "$nics" ]; then
		for name in ${nics//,/ }; do
			if [ -e "$ROOT/sys/class/net/$name" ]; then
				all+=("$name")
			elif resolve "$name"; then
				interfaces_of "$REPLY"
				all+=("${INTERFACES[@]}")
			else
				MISSING+=("$name")
			fi
		done
	else
		all_nics
		for name in "${NICS[@]}"; do
			interfaces_of "$name"
			all+=("${INTERFACES[@]}")
		done
	fi
	INTERFACES=("${all[@]}")
}

# Words for the kernel command line, in a file of $UNIT that update-grub reads.
set_boot_words() {
	local word missing=no
	if [ ! -d "$ROOT/etc/default/grub.d" ] && [ ! -f "$ROOT/etc/default/grub" ]; then
		told told "no GRUB here; put these words on the kernel command line yourself: $1"
		return 0
	fi
	set_file "/etc/default/grub.d/sluice-${UNIT//_/-}.cfg" "# written by sluice host-setup, unit $UNIT
GRUB_CMDLINE_LINUX=\"\$GRUB_CMDLINE_LINUX $1\"" || return 1
	read_line "$ROOT/proc/cmdline" || REPLY=""
	for word in $1; do
		[[ " $REPLY " == *" $word "* ]] || missing=yes
	done
	[ $missing = no ] || told told "in force after 'update-grub' and a reboot: $1"
}
