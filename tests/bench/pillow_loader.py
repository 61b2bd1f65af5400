"""The peer of loader.sh: torchvision's transforms over Pillow, one process and one thread, JPEG bytes in memory.

Reads the JPEGs of a folder, says `ready images=N`, and answers each line `SIZE` of standard input with the milliseconds
of processor time that all images took: decode, centre crop, antialiased bilinear resize, random flip, brightness and contrast, tensor in -1..1.
"""
import io
import os
import sys
import time

import torch
from PIL import Image
from torchvision import transforms as T


def main():
    folder = sys.argv[1]
    torch.set_num_threads(1)
    data = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".jpg"):
            with open(os.path.join(folder, name), "rb") as f:
                data.append(f.read())
    side = min(Image.open(io.BytesIO(data[0])).size)
    print("ready images=%d" % len(data), flush=True)
    for line in sys.stdin:
        transform = T.Compose([T.CenterCrop(side), T.Resize(int(line), T.InterpolationMode.BILINEAR),
                               T.RandomHorizontalFlip(), T.ColorJitter(brightness=0.005, contrast=0.005), T.ToTensor(),
                               T.Normalize((0.5,) * 3, (0.5,) * 3)])
        start = time.process_time()
        for jpeg in data:
            transform(Image.open(io.BytesIO(jpeg)).convert("RGB"))
        print("%.3f" % (1e3 * (time.process_time() - start)), flush=True)


if __name__ == "__main__":
    main()
