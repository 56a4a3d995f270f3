# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A clean Debian 12 made by debootstrap, kept as an archive outside the source tree.  Sourced;
# clean_root_unpack DIR is the only function to call.  Needs root.
CLEAN_ROOT_CACHE=${SLUICE_ROOT_CACHE:-/var/cache/sluice-root}
CLEAN_ROOT_PACKAGES=systemd,systemd-sysv,udev,kmod,iproute2,procps

# Where apt of this machine gets Debian 12 from.
clean_root_mirror() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' \
		'Component: main' 2>/dev/null | head -n 1
}

# clean_root_unpack DIR: returns 77 with a line that says why when it cannot be had here.
clean_root_unpack() {
	local dir=$1 archive=$CLEAN_ROOT_CACHE/bookworm.tar.gz mirror log
	[ "$(id -u)" = 0 ] || { echo "needs root to make a root of its own"; return 77; }
	command -v debootstrap >/dev/null ||
		{ echo "debootstrap is not installed: apt-get install --no-install-recommends debootstrap"; return 77; }
	mirror=$(clean_root_mirror)
	[ -n "$mirror" ] || { echo "apt knows no Debian 12 here: apt-get update"; return 77; }
	mkdir -p "$dir" "$CLEAN_ROOT_CACHE"
	if [ ! -f "$archive" ]; then
		log=$CLEAN_ROOT_CACHE/debootstrap.log
		if ! debootstrap --variant=minbase --include=$CLEAN_ROOT_PACKAGES bookworm "$dir" \
			"$mirror" >"$log" 2>&1; then
			echo "debootstrap failed: $(tail -n 1 "$log") ($log)"
			return 77
		fi
		rm -rf "$dir"/var/cache/apt/archives/*.deb "$dir"/var/lib/apt/lists/*
		tar -c --one-file-system -C "$dir" . | gzip -1 >"$archive.new" && mv "$archive.new" "$archive"
		return 0
	fi
	tar -x -z -C "$dir" -f "$archive"
}
