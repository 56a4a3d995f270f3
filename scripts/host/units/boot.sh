# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What apply did comes back after a reboot.

boot_explain() {
	cat <<'TEXT'
What is written to /sys and /proc is gone after a reboot.  This unit writes a systemd service that runs
"host-setup apply --yes --again" at each boot, before the gateway: the units that were applied are
applied again, with the same settings, and nothing else is.  Undo removes it.
TEXT
}

BOOT_SERVICE=/etc/systemd/system/sluice-host.service
BOOT_LINK=/etc/systemd/system/multi-user.target.wants/sluice-host.service

boot_check() {
	why="a machine that was rebooted is an untuned one until somebody notices"
	if [ ! -d "$ROOT/etc/systemd/system" ]; then
		found skip "service" "no systemd here" "settings come back after a reboot"
	elif [ -e "$ROOT$BOOT_SERVICE" ] && [ -L "$ROOT$BOOT_LINK" ]; then
		found pass "service" "$BOOT_SERVICE" "settings come back after a reboot"
	else
		found info "service" "what apply sets is gone after a reboot" "settings come back after a reboot" \
			"$HOST_SETUP apply --yes boot"
	fi
}

boot_apply() {
	local record
	[ -d "$ROOT/etc/systemd/system" ] || { told already "no systemd here: call '$HOST_SETUP apply --yes --again' at boot"; return 0; }
	set_file $BOOT_SERVICE "# written by sluice host-setup, unit boot
[Unit]
Description=sluice: apply the chosen host settings again
Before=sluice.service
After=systemd-modules-load.service local-fs.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$(dirname "$HOST_DIR")/host-setup apply --yes --again

[Install]
WantedBy=multi-user.target" || return 1
	[ ! -L "$ROOT$BOOT_LINK" ] || return 0
	if [ $YES = no ]; then
		told would "link $BOOT_LINK"
		return 0
	fi
	set_folder "$(dirname $BOOT_LINK)" && remember link $BOOT_LINK || return 1
	record=$REPLY
	ln -s $BOOT_SERVICE "$ROOT$BOOT_LINK" 2>/dev/null ||
		{ forget "$record"; told failed "$BOOT_LINK cannot be made"; return 1; }
	told "done" "enabled: $BOOT_LINK"
}

undo_link() {
	[ ! -L "$ROOT$2" ] || rm -f "$ROOT$2" || { told failed "$2 cannot be removed"; return 1; }
	told undone "$2 removed"
}
