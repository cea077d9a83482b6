"""terratorch: predicts a tensor in memory square by square."""

import numpy as np
import torch
from terratorch.tasks.tiled_inference import tiled_inference

from rivals.subject import BATCH, OVERLAP_PX, TILE_PX, Subject, compete


def predict(subject: Subject) -> None:
    """Weighted mean where squares overlap, in memory."""
    image = torch.from_numpy(subject.normalised(subject.read()))[None]
    with torch.inference_mode():
        logits = tiled_inference(subject.net, image, crop=TILE_PX, stride=TILE_PX - OVERLAP_PX, batch_size=BATCH)
    subject.write(logits[0].argmax(0).numpy().astype(np.uint8))


if __name__ == "__main__":
    compete("terratorch", predict)
