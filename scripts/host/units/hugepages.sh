# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Huge pages of one size on the NUMA nodes of the lanes, and a mount of them.

hugepages_explain() {
	cat <<'TEXT'
A book of a busy feed is some hundred megabytes that are touched at random.  With pages of 4 KiB each
touch may also miss the TLB, some 20 to 100 ns, and a page fault in a lane costs microseconds.  The
gateway takes all its memory once from huge pages, on the node of its cores: a pool on another socket
makes every miss a trip between sockets (about 100 ns more).
Settings: hugepages_mb (for each node), hugepages_kb (2048 or 1048576), hugepages_nodes (empty: the
nodes of lane_cpus).  Pages of 1 GiB can seldom be had after boot: hugepagesz=1G hugepages=N.
TEXT
}

# The nodes that shall have pages, into the array CPUS (it holds numbers of any kind).
hugepages_nodes() {
	local dir nodes="" cpu
	if [ -n "$hugepages_nodes" ]; then
		cpus_of "$hugepages_nodes"
		return
	fi
	cpus_of "$lane_cpus"
	for cpu in "${CPUS[@]}"; do
		for dir in "$ROOT/sys/devices/system/cpu/cpu$cpu"/node[0-9]*; do
			[ -e "$dir" ] && nodes+=${nodes:+,}${dir##*/node}
		done
	done
	cpus_of "${nodes:-0}"
}

# The pool's file of a node; a kernel without NUMA has only the common one.
hugepages_pool() {
	REPLY=/sys/devices/system/node/node$1/hugepages/hugepages-${hugepages_kb}kB
	[ -d "$ROOT$REPLY" ] || REPLY=/sys/kernel/mm/hugepages/hugepages-${hugepages_kb}kB
}

hugepages_mounted() {
	local source target type options rest default_kb=2048
	while read -r source target rest; do
		[ "$source" != Hugepagesize: ] || default_kb=$target
	done <"$ROOT/proc/meminfo"
	while read -r source target type options rest; do
		[ "$type" = hugetlbfs ] || continue
		case ,$options, in
		*,pagesize=2M,*) [ "$hugepages_kb" = 2048 ] && REPLY=$target && return 0 ;;
		*,pagesize=1024M,* | *,pagesize=1G,*) [ "$hugepages_kb" = 1048576 ] && REPLY=$target && return 0 ;;
		*,pagesize=*) ;;
		*) [ "$default_kb" = "$hugepages_kb" ] && REPLY=$target && return 0 ;;
		esac
	done <"$ROOT/proc/mounts"
	return 1
}

hugepages_sizes() {
	local dir sizes=""
	for dir in "$ROOT"/sys/kernel/mm/hugepages/hugepages-*kB; do
		[ -d "$dir" ] || continue
		dir=${dir##*hugepages-}
		sizes+=${sizes:+, }${dir%kB}
	done
	REPLY=$sizes
}

hugepages_check() {
	local node want pool have_pages free surplus
	why="a TLB miss adds 20 to 100 ns to a touch of a book, a page fault in a lane microseconds"
	want=$(((hugepages_mb * 1024 + hugepages_kb - 1) / hugepages_kb))
	hugepages_sizes
	if [ ! -d "$ROOT/sys/kernel/mm/hugepages/hugepages-${hugepages_kb}kB" ]; then
		found fail "pages of $hugepages_kb kB" "this kernel offers ${REPLY:-none} kB" "$hugepages_kb kB" \
			"choose another size: --set hugepages_kb=${REPLY%%,*}, or boot with hugepagesz=2M"
		return
	fi
	hugepages_nodes
	for node in "${CPUS[@]}"; do
		hugepages_pool "$node"
		pool=$REPLY
		value_of "$ROOT$pool/nr_hugepages"
		have_pages=${REPLY:-0}
		value_of "$ROOT$pool/free_hugepages"
		free=${REPLY:-0}
		if [ "$have_pages" -ge "$want" ]; then
			found pass "pool of node $node" "$have_pages pages of $hugepages_kb kB, $free free" "$want pages"
		elif [ "$hugepages_kb" = 2048 ]; then
			found fail "pool of node $node" "$have_pages pages of $hugepages_kb kB, $free free" "$want pages" \
				"echo $want > $pool/nr_hugepages"
		else
			found fail "pool of node $node" "$have_pages pages of $hugepages_kb kB, $free free" "$want pages" \
				"echo $want > $pool/nr_hugepages; when that gives too few, boot with hugepagesz=$((hugepages_kb / 1048576))G hugepages=$want"
		fi
	done
	if hugepages_mounted; then
		found pass "mount" "$REPLY" "a hugetlbfs of $hugepages_kb kB"
	else
		found warn "mount" "none" "a hugetlbfs of $hugepages_kb kB" \
			"mkdir -p $hugepages_mount && mount -t hugetlbfs -o pagesize=$((hugepages_kb / 1024))M none $hugepages_mount"
	fi
}

hugepages_apply() {
	local node want pool status=0 got record
	want=$(((hugepages_mb * 1024 + hugepages_kb - 1) / hugepages_kb))
	if [ ! -d "$ROOT/sys/kernel/mm/hugepages/hugepages-${hugepages_kb}kB" ]; then
		hugepages_sizes
		told failed "this kernel has no pages of $hugepages_kb kB; it has ${REPLY:-none}: --set hugepages_kb=, or boot with hugepagesz=2M"
		return 1
	fi
	hugepages_nodes
	for node in "${CPUS[@]}"; do
		hugepages_pool "$node"
		pool=$REPLY
		value_of "$ROOT$pool/nr_hugepages"
		if [ "${REPLY:-0}" -ge "$want" ]; then
			told already "$pool has $REPLY pages"
			continue
		fi
		set_value "$pool/nr_hugepages" "$want" || status=1
		value_of "$ROOT$pool/nr_hugepages"
		got=${REPLY:-0}
		if [ $YES = yes ] && [ "$got" -lt "$want" ]; then
			told failed "node $node gave only $got of $want pages: memory is in use or in pieces; 'echo 1 > /proc/sys/vm/compact_memory' and apply again, or boot with hugepages=$want"
			status=1
		fi
	done
	hugepages_mounted && { told already "mounted on $REPLY"; return $status; }
	if [ $YES = no ]; then
		told would "mount pages of $hugepages_kb kB on $hugepages_mount"
		return $status
	fi
	set_folder "$hugepages_mount" || return 1
	remember mount "$hugepages_mount" || return 1
	record=$REPLY
	if run_tool mount -t hugetlbfs -o "pagesize=$((hugepages_kb / 1024))M" none "$ROOT$hugepages_mount"; then
		told "done" "pages of $hugepages_kb kB mounted on $hugepages_mount"
	else
		forget "$record"
		told failed "cannot mount on $hugepages_mount; sluice then runs with --in-memory, without dpdk-dumpcap"
		return 1
	fi
	return $status
}
