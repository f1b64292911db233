#!/bin/bash
# What one backend uses: probe.sh start|stop FILE PID, called from within its session.
# stop writes "CPU-microseconds peak-private-kB peak-resident-kB" to FILE.
#
# CPU is the scheduler's own count.  Private memory has no high-water mark of
# the kernel's, so it is sampled; the resident peak (VmHWM, reset at the start)
# also holds every page of shared buffers the backend has touched.
set -u
what=$1 file=$2 pid=$3

cpu() { local ns _; read -r ns _ <"/proc/$pid/schedstat" && echo $((ns / 1000)); }

sample() {
	local peak=0 key value _
	while [[ -e $file.on ]] && exec 3<"/proc/$pid/status"; do
		while read -r key value _ <&3; do
			if [[ $key == RssAnon: ]]; then
				if ((value > peak)); then
					peak=$value
					echo "$peak" >"$file.peak"
				fi
				break
			fi
		done
		read -rt 0.05 _ <>"$file.never"
	done
} 2>/dev/null

case $what in
	start)
		echo 5 >"/proc/$pid/clear_refs"
		[[ -p $file.never ]] || mkfifo "$file.never"
		: >"$file.on"
		echo 0 >"$file.peak"
		sample </dev/null >/dev/null &
		cpu >"$file.cpu"
		;;
	stop)
		now=$(cpu)
		rm -f "$file.on"
		hwm=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")
		echo "$((now - $(<"$file.cpu"))) $(<"$file.peak") $hwm" >"$file"
		;;
esac
