"""omnicloudmask: predicts an array in memory with a network of the user's.

It normalises every square by the mean and deviation of that square, which cannot be turned off; so it is given the
stored numbers as they are. Its cost can be compared, its mask cannot.
"""

import numpy as np
from omnicloudmask import predict_from_array

from rivals.subject import BATCH, CLASSES, OVERLAP_PX, TILE_PX, Subject, compete


def predict(subject: Subject) -> None:
    """Weighted sum where squares overlap, in memory."""
    mask = predict_from_array(
        subject.read(),
        patch_size=TILE_PX,
        patch_overlap=OVERLAP_PX,
        batch_size=BATCH,
        inference_device="cpu",
        custom_models=subject.net,
        pred_classes=CLASSES,
    )
    subject.write(mask[0].astype(np.uint8))


if __name__ == "__main__":
    compete("omnicloudmask", predict)
