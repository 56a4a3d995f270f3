# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Time of day within what the regulator allows: chrony or PTP, told only.

timesync_explain() {
	cat <<'TEXT'
RTS 25 (MiFID II) allows high-frequency traders 100 us between a time they write down and UTC, and one
way latencies between two machines are no better than their clocks.  PTP with a NIC that stamps in
hardware gives 1 us and better; NTP over a good line some 100 us.  Which source is right depends on the
site, so this unit measures and tells, and changes nothing.
Setting: clock_offset_us (100).
TEXT
}

# "-0.000012345" seconds into whole microseconds, without its sign, rounded up.
timesync_us() {
	local s=${1#-} whole frac
	[[ $s =~ ^([0-9]+)\.?([0-9]*)$ ]] || return 1
	whole=${BASH_REMATCH[1]} frac=${BASH_REMATCH[2]}000000000
	frac=${frac:0:9}
	REPLY=$((10#$whole * 1000000 + (10#$frac + 999) / 1000))
}

timesync_check() {
	local name file line runs="" fields
	why="RTS 25 allows 100 us from UTC; one-way latencies are no better than the clocks"
	for file in "$ROOT"/proc/[0-9]*/comm; do
		read_line "$file" || continue
		case $REPLY in chronyd | ptp4l | phc2sys | ntpd | systemd-timesyn* | ts2phc | sfptpd) runs+=${runs:+ }$REPLY ;; esac
	done
	if [ -z "$runs" ]; then
		found warn "who keeps time" "nobody (no chronyd, ptp4l, phc2sys, sfptpd, ntpd)" "chrony or PTP" \
			"apt install chrony, or linuxptp: ptp4l -i NIC and phc2sys -a -r"
		return
	fi
	found pass "who keeps time" "$runs" "chrony or PTP"
	if [[ " $runs " == *" chronyd "* ]] && line=$(ask_tool chronyc chronyc -c tracking); then
		IFS=, read -r -a fields <<<"$line"
		name=chronyc
		timesync_us "${fields[4]-}" || return
	elif [[ " $runs " == *" ptp4l "* ]] && line=$(ask_tool pmc pmc -u -b 0 'GET CURRENT_DATA_SET') &&
		[[ $line =~ offsetFromMaster[[:space:]]+-?([0-9]+) ]]; then
		name=pmc
		REPLY=$(((BASH_REMATCH[1] + 999) / 1000))
	else
		found info "offset" "cannot be measured: neither chronyc nor pmc answers" "at most $clock_offset_us us" \
			"chronyc tracking, or pmc -u -b 0 'GET CURRENT_DATA_SET'"
		return
	fi
	if [ "$REPLY" -le "$clock_offset_us" ]; then
		found pass "offset" "$REPLY us ($name)" "at most $clock_offset_us us"
	else
		found fail "offset" "$REPLY us ($name)" "at most $clock_offset_us us" \
			"chronyc sources, ptp4l's log: a nearer source, or hardware stamps (ethtool -T NIC)"
	fi
}

timesync_apply() {
	told already "the source of time is yours to choose; check measures it"
}
