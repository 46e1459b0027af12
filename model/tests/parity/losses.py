"""The losses in PyTorch: eq. 4-8 and 17-18, with `F.cross_entropy`, Mask2Former's Dice and BCE with logits.

A pixel of which nothing is known has the truth -1; the losses are those of the sample without it.
"""

import torch
import torch.nn.functional as F
from transformers.models.mask2former.modeling_mask2former import dice_loss

CLASS_WEIGHTS = torch.tensor([0.9, 1.1])


def cross_entropy(logit, truth):
    """Two classes, background with the logit zero; torch divides by the sum of the weights of the targets."""
    both = torch.cat([torch.zeros_like(logit), logit], 1)
    return F.cross_entropy(both, truth[:, 0].long(), weight=CLASS_WEIGHTS, ignore_index=-1)


def dice(logit, truth):
    """The mean over the samples that have a target; zero where none has."""
    terms = []
    for own, wanted in zip(logit, truth):
        if (wanted > 0).any():
            known = wanted >= 0
            terms.append(dice_loss(own[known][None], wanted[known][None], 1))
    return torch.stack(terms).mean() if terms else logit.sum() * 0


def segmentation(logit, truth):
    return 0.9 * cross_entropy(logit, truth) + 0.1 * dice(logit, truth)


def uncertainty(risk, logit, truth, delta=0.5, lambda_s=1.0, epsilon=1.0, cap=100.0):
    """L_unc, sample by sample as the paper writes it, without smoothing of the target."""
    total = 0.0
    for own, answer, wanted in zip(risk, logit, truth):
        own, answer, wanted = (value[wanted >= 0] for value in (own, answer, wanted))
        label = (torch.sigmoid(answer.detach()) > 0.5).float()                      # eq. 4
        error = (label != wanted).float()                                           # eq. 5
        n1, n0 = error.sum(), (1 - error).sum()
        pixel = torch.where(error == 1, ((n0 + epsilon) / (n1 + epsilon)).clamp(max=cap), torch.tensor(1.0))  # eq. 8
        union = torch.maximum(label, wanted).sum()
        iou = (label * wanted).sum() / union if union > 0 else torch.tensor(1.0)
        sample = 1 + lambda_s * float(iou < delta)                                  # eq. 7
        total = total + (sample * pixel * F.binary_cross_entropy_with_logits(own, error, reduction="none")).sum()
    return total / (truth >= 0).sum()                                            # eq. 6


def presence(logit, truth):
    return F.binary_cross_entropy_with_logits(logit, truth.flatten(1).amax(1, keepdim=True))


def total(stages, truth, lambda_unc=0.2, lambda_ref=1.0, lambda_presence=0.3):
    """Eq. 18, and the term of the presence head where there is one."""
    loss = segmentation(stages["logit"], truth) + lambda_ref * segmentation(stages["refined"], truth)
    loss = loss + lambda_unc * uncertainty(stages["uncertainty"], stages["logit"], truth)
    if "presence" in stages:
        loss = loss + lambda_presence * presence(stages["presence"], truth)
    return loss
