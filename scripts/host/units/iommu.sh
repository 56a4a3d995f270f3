# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The IOMMU: on, and out of the way of DMA that the kernel does itself.

iommu_explain() {
	cat <<'TEXT'
vfio-pci gives a NIC to a program safely only behind an IOMMU.  Without one, no-IOMMU VFIO or
uio_pci_generic let the program's NIC write anywhere in memory.  In passthrough (iommu=pt) the kernel's
own devices are not translated: translation costs a NIC some 100 ns per miss of the IOTLB.  Huge pages
keep those misses rare for ours.  apply writes the words for the kernel command line to
/etc/default/grub.d/sluice-iommu.cfg; update-grub and a reboot are yours.
Setting: iommu (on, leave).
TEXT
}

iommu_words() {
	local key rest
	while IFS=: read -r key rest; do
		[[ $key == vendor_id* ]] || continue
		[[ $rest == *GenuineIntel* ]] && REPLY="intel_iommu=on iommu=pt" || REPLY="iommu=pt"
		return
	done <"$ROOT/proc/cpuinfo"
	REPLY="iommu=pt"
}

iommu_check() {
	local group cnt=0 modes="" mode
	why="without an IOMMU a NIC given to a program can write anywhere in memory"
	for group in "$ROOT"/sys/kernel/iommu_groups/[0-9]*; do
		[ -d "$group" ] || continue
		cnt=$((cnt + 1))
		read_line "$group/type" && [[ " $modes " != *" $REPLY "* ]] && modes+=${modes:+ }$REPLY
	done
	iommu_words
	local words=$REPLY
	if [ $cnt = 0 ]; then
		mode="only no-IOMMU VFIO or uio_pci_generic, both unsafe"
		[ -e "$ROOT/sys/module/vfio/parameters/enable_unsafe_noiommu_mode" ] || mode="only uio_pci_generic, unsafe"
		found warn "IOMMU" "off or not there: $mode" "on" \
			"switch VT-d / AMD-Vi on in the firmware, and $HOST_SETUP apply --yes iommu; update-grub; reboot ($words)"
		return
	fi
	found pass "IOMMU" "$cnt groups" "on"
	why="translation of the kernel's own DMA costs some 100 ns for each miss of the IOTLB"
	if cmdline_value iommu && [[ ,$REPLY, == *,pt,* ]] || [[ " $modes " == " identity " ]]; then
		found pass "passthrough" "yes" "iommu=pt"
	else
		found warn "passthrough" "no (groups of type ${modes:-unknown})" "iommu=pt" \
			"$HOST_SETUP apply --yes iommu; update-grub; reboot ($words)"
	fi
}

iommu_apply() {
	if [ "$iommu" = leave ]; then
		told already "the setting iommu says: leave"
		return 0
	fi
	if cmdline_value iommu && [[ ,$REPLY, == *,pt,* ]] && [ ! -e "$ROOT/etc/default/grub.d/sluice-iommu.cfg" ]; then
		told already "iommu=$REPLY is on the command line"
		return 0
	fi
	iommu_words
	set_boot_words "$REPLY"
}
