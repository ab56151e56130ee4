#!/bin/sh
# Becomes ffmpeg, or ffprobe after --ffprobe, with bounds that its children inherit: memory, processor time, no files, no core.
# A bound that this system does not know is left out; the time limit of the server holds in any case.
ulimit -c 0
ulimit -f 0
ulimit -n 128 2>/dev/null
ulimit -v "$CLIP_MEMORY_KIB" 2>/dev/null
ulimit -t "$CLIP_CPU_SECONDS" 2>/dev/null
if [ "$1" = --ffprobe ]; then
  shift
  exec "$CLIP_FFPROBE" "$@"
fi
exec "$CLIP_FFMPEG" "$@"
