#!/usr/bin/env bash
# Retrains the starter model from nothing on two CPU cores:  models/starter/train/run.sh <work folder> <end, HH:MM>
# Stopped runs go on where they were when the same command is given again. The time to <end> is split 1 : 2 between
# the two early stages, which run side by side, and the joint one. SHARDS and PAGES are how many files of 2000 pictures
# and pages of text are drawn; a small number tries the script, not the model.
set -euo pipefail
[[ $# -eq 2 ]] || { echo "usage: $0 <work folder> <end, HH:MM>" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/run" "$1/data" "$1/pages"
work=$(cd "$1" && pwd)
until=$2
shards=${SHARDS:-36} pages=${PAGES:-8}
# shellcheck source=env.sh
. "$here/env.sh"

if [[ ! -d $work/venv ]]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install -q -r "$here/requirements.txt"
fi
python=$work/venv/bin/python
cd "$here"

if [[ ! -d $work/ttf ]]; then
  mkdir -p "$work/fonts"
  (cd "$work/fonts" && npm init -y >/dev/null && npm install --ignore-scripts --no-audit --no-fund $(sed 's|^|@fontsource/|' "$here/fonts.txt"))
  "$python" -m starter.fonts "$work/fonts" "$work/ttf"
fi
"$python" -m starter.config
"$python" -m starter.tokenizer

"$python" -m starter.shards "$work/data" "$work/ttf" 0 $((shards / 2)) &
"$python" -m starter.shards "$work/data" "$work/ttf" $((shards / 2)) "$shards"
wait $!
"$python" -m starter.shards "$work/pages" "$work/ttf" 5000 $((5000 + pages / 2)) pages &
"$python" -m starter.shards "$work/pages" "$work/ttf" $((5000 + pages / 2)) $((5000 + pages)) pages
wait $!

now=$(date +%s)
end=$(date -d "$until" +%s)
((end > now)) || end=$((end + 86400))
early=$(date -d "@$((now + (end - now) / 3))" +%H:%M)
"$python" -m starter.align --data "$work/data" --pages "$work/pages" --run "$work/run" --until "$early" --resume >>"$work/run/align.log" &
"$python" -m starter.symbols --run "$work/run" --until "$early" --resume >>"$work/run/symbols.log"
wait $!
"$python" -m starter.joint --data "$work/data" --pages "$work/pages" --fonts "$work/ttf" --run "$work/run" --until "$until" --resume >>"$work/run/joint.log"
"$python" -m starter.plot "$work/run" "$here/curve.png"
