# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Kernel modules that binding needs.

modules_explain() {
	cat <<'TEXT'
vfio-pci takes a NIC from the kernel and gives it to a program.  Without an IOMMU it needs vfio's
enable_unsafe_noiommu_mode, which not every kernel has (Debian's has not); then uio_pci_generic is left.
A NIC of mlx5 needs neither: its kernel driver stays.  apply loads vfio-pci and has it loaded at each
boot; it costs nothing while no NIC is bound.
Setting: modules (vfio-pci).
TEXT
}

modules_check() {
	local name
	why="without a driver for user space a NIC stays with the kernel: 10 us a frame instead of 1"
	for name in ${modules//,/ }; do
		if modules_is_there "$name"; then
			found pass "$name" "loaded" "loaded"
		else
			found warn "$name" "not loaded" "loaded" "modprobe $name"
		fi
	done
}

modules_apply() {
	local name status=0 record
	for name in ${modules//,/ }; do
		if modules_is_there "$name"; then
			told already "$name is loaded"
			continue
		fi
		if [ $YES = no ]; then
			told would "modprobe $name"
			continue
		fi
		remember module "$name" || { status=1; continue; }
		record=$REPLY
		if run_tool modprobe "$name" && modules_is_there "$name"; then
			told "done" "$name loaded"
		else
			forget "$record"
			told failed "modprobe $name: this kernel does not have it (package linux-image or linux-modules-extra?)"
			status=1
		fi
	done
	if [ -d "$ROOT/etc/modules-load.d" ]; then
		set_file /etc/modules-load.d/sluice.conf "# written by sluice host-setup, unit modules
${modules//,/$'\n'}" || status=1
	fi
	return $status
}
