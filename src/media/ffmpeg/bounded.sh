#!/bin/sh
# Becomes ffmpeg, or ffprobe after --ffprobe, with bounds that its children inherit: memory, processor time, no files, no core.
# A bound that this system does not know is left out; the time limit of the server holds in any case.
ulimit -c 0
ulimit -f 0
ulimit -n 128 2>/dev/null
ulimit -v "$FFMPEG_MEMORY_KIB" 2>/dev/null
# The soft bound first: a program that reaches it is told, and the hard one would kill it without a word.
ulimit -S -t "$FFMPEG_CPU_SECONDS" 2>/dev/null
ulimit -H -t "$((FFMPEG_CPU_SECONDS + 1))" 2>/dev/null
program=$FFMPEG_PROGRAM
if [ "$1" = --ffprobe ]; then
  shift
  program=$FFPROBE_PROGRAM
fi
unset FFMPEG_PROGRAM FFPROBE_PROGRAM FFMPEG_MEMORY_KIB FFMPEG_CPU_SECONDS
exec "$program" "$@"
