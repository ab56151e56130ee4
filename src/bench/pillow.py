"""The peer of `aerie bench media`: decodes, pads and resizes the files named on the command line with Pillow.

Arguments: size, red, green, blue, files. Prints one JSON object.
"""

import hashlib
import json
import sys
import time

import PIL
from PIL import Image

size, *color = map(int, sys.argv[1:5])
pictures = []
for path in sys.argv[5:]:
    start = time.process_time()
    picture = Image.open(path).convert('RGB')
    decoded = time.process_time()
    side = max(picture.size)
    square = Image.new('RGB', (side, side), tuple(color))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    resized = square.resize((size, size), Image.Resampling.BICUBIC)
    done = time.process_time()
    pictures.append({
        'decode': (decoded - start) * 1000,
        'resize': (done - decoded) * 1000,
        'sha256': hashlib.sha256(resized.tobytes()).hexdigest(),
    })
print(json.dumps({'version': PIL.__version__, 'pictures': pictures}))
