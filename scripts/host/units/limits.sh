# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What a user may lock and open: memlock, file descriptors.

limits_explain() {
	cat <<'TEXT'
Memory that may not be locked can be swapped and moved; VFIO locks all memory a NIC may write, and the
gateway does not start when that is more than memlock allows.  Root is not limited; a service has
LimitMEMLOCK= of its unit, a login what /etc/security/limits.d says.
Setting: limits_user (sluice).
TEXT
}

LIMITS_FILE=/etc/security/limits.d/90-sluice.conf

limits_text() {
	REPLY="# written by sluice host-setup, unit limits
$limits_user - memlock unlimited
$limits_user - nofile 65536"
}

limits_check() {
	local soft me
	me=$(id -un 2>/dev/null) || me="user $(id -u)" # a minimal root has no names
	why="memory that cannot be locked can be moved or swapped: 50 us to 10 ms for a touch; VFIO refuses to start"
	soft=$(ulimit -l)
	if [ "$soft" = unlimited ] || [ "$(id -u)" = 0 ]; then
		found pass "memlock here" "$soft kB for $me" "unlimited, or root"
	else
		found warn "memlock here" "$soft kB for $me" "unlimited" \
			"$HOST_SETUP apply --yes --set limits_user=$me limits, then log in again; LimitMEMLOCK=infinity in a unit"
	fi
	if [ -r "$ROOT$LIMITS_FILE" ]; then
		found pass "memlock of $limits_user" "$LIMITS_FILE is there" "unlimited"
	else
		found info "memlock of $limits_user" "$LIMITS_FILE is not there" "unlimited for who starts sluice by hand" \
			"$HOST_SETUP apply --yes limits"
	fi
	soft=$(ulimit -n)
	if [ "$soft" = unlimited ] || [ "$soft" -ge 1024 ]; then
		found pass "open files here" "$soft" "1024 or more"
	else
		found warn "open files here" "$soft" "1024 or more" "ulimit -n 1024, or LimitNOFILE=65536 in the unit"
	fi
}

limits_apply() {
	limits_text
	set_file $LIMITS_FILE "$REPLY"
}
