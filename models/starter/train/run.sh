#!/usr/bin/env bash
# Retrains the starter model from nothing on two CPU cores:  models/starter/train/run.sh <work folder> <end, HH:MM>
# Stopped runs go on where they were when the same command is given again. The time to <end> is split 1 : 2 between
# the two early stages, which run side by side, and the joint one; its last sixth is for hearing. SHARDS and PAGES are how many files of 2000 pictures
# and pages of text are drawn; a small number tries the script, not the model. Words to be heard are said by espeak-ng.
set -euo pipefail
[[ $# -eq 2 ]] || { echo "usage: $0 <work folder> <end, HH:MM>" >&2; exit 2; }
command -v espeak-ng >/dev/null || { echo "espeak-ng is missing" >&2; exit 2; }
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
seen=$((end - (end - now) / 6))
early=$(date -d "@$((now + (seen - now) / 3))" +%H:%M)
"$python" -m starter.align --data "$work/data" --pages "$work/pages" --run "$work/run" --until "$early" --resume >>"$work/run/align.log" &
"$python" -m starter.symbols --run "$work/run" --until "$early" --resume >>"$work/run/symbols.log"
wait $!
"$python" -m starter.joint --data "$work/data" --pages "$work/pages" --fonts "$work/ttf" --run "$work/run" --until "$(date -d "@$seen" +%H:%M)" --resume >>"$work/run/joint.log"

# The two stages of hearing run side by side as well: the ears, and the decoder that reads them again every minute.
seeing=$work/run/seeing.safetensors
[[ -f $seeing ]] || cp ../model.safetensors "$seeing"
[[ -f $work/bank.npz ]] || "$python" -m starter.sounds "$work/bank.npz"
[[ -f $work/cells.npy ]] || "$python" -m starter.replay "$work/data" "$work/cells.npy" --start "$seeing" --shards 2
known=$("$python" -c 'from starter.tokenizer import train; print(train().get_vocab_size())')
"$python" -m starter.listen --bank "$work/bank.npz" --run "$work/run" --start "$seeing" --until "$until" --resume >>"$work/run/listen.log" &
while [[ ! -f $work/run/listen.pt ]] && kill -0 $!; do sleep 5; done
"$python" -m starter.answer_sounds --bank "$work/bank.npz" --shards "$work/data" --cells "$work/cells.npy" --fonts "$work/ttf" \
  --run "$work/run" --start "$seeing" --known "$known" --until "$until" --resume >>"$work/run/answers.log"
wait $!
"$python" -m starter.plot "$work/run" "$here/curve.png"
