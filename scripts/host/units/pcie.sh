# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The PCIe link of each NIC: as fast and as wide as both ends can.

pcie_explain() {
	cat <<'TEXT'
A NIC in a slot with fewer lanes, or whose link came up at a lower speed, needs longer for each frame
(a 1,500-byte frame: 0.1 us over x8 of PCIe 3, 0.8 us over x1) and drops them in a burst.  A riser, a
slot behind the chipset or a firmware setting is the cause; software cannot repair it.
Setting: nics (empty: all NICs).
TEXT
}

pcie_check() {
	local address dir speed width max_speed max_width
	why="a narrow or slow link adds up to 1 us to each frame and drops them in bursts"
	chosen_nics
	[ ${#NICS[@]} -gt 0 ] || found skip "link" "there is no NIC on PCI" "-"
	for address in "${NICS[@]}"; do
		dir=$ROOT/sys/bus/pci/devices/$address
		if ! read_line "$dir/current_link_speed" || [[ $REPLY == Unknown* ]]; then
			found skip "$address" "tells no link (emulated, or inside the chip)" "-"
			continue
		fi
		speed=$REPLY
		read_line "$dir/max_link_speed" && max_speed=$REPLY || max_speed=$speed
		read_line "$dir/current_link_width" && width=$REPLY || width=0
		read_line "$dir/max_link_width" && max_width=$REPLY || max_width=$width
		if [ "$speed" = "$max_speed" ] && [ "$width" = "$max_width" ]; then
			found pass "$address" "$speed, x$width" "$max_speed, x$max_width"
		else
			found warn "$address" "$speed, x$width" "$max_speed, x$max_width" \
				"another slot (see its lanes in the board's manual), or the slot's speed in the firmware"
		fi
	done
}

pcie_apply() {
	told already "the link is hardware: check tells, nothing here changes it"
}
