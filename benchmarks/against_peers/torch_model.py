"""The same objective in PyTorch, as one would write it there."""

import numpy as np
import scipy.sparse as sp
import torch
from torch.nn import functional


class TorchLinear:
    """SGD with momentum or Adam, their rate falling to zero, or LBFGS with a search."""

    def __init__(self, penalty, method, max_iter, batch_size=None, rate=None):
        self.penalty, self.method, self.max_iter = penalty, method, max_iter
        self.batch_size, self.rate = batch_size, rate

    def fit(self, X, y):
        """Minimise f from zero."""
        torch.manual_seed(0)
        kind = torch.float64 if X.dtype == np.float64 else torch.float32
        self.real = y.dtype.kind == "f"
        several = not self.real and y.max() > 1
        self.y = torch.as_tensor(y, dtype=torch.long if several else kind)
        self.W = torch.zeros(X.shape[1], y.max() + 1 if several else 1, dtype=kind)
        self.b = torch.zeros(self.W.shape[1], dtype=kind)
        self.W.requires_grad_()
        self.b.requires_grad_()
        if self.method == "LBFGS":
            self._full(X)
        else:
            self._batches(X)
        self.coef_ = self.W.detach().numpy().T
        self.intercept_ = self.b.detach().numpy()
        return self

    def _objective(self, X, y):
        z = X @ self.W + self.b
        if z.shape[1] > 1:
            loss = functional.cross_entropy(z, y)
        elif self.real:
            loss = 0.5 * functional.mse_loss(z[:, 0], y)
        else:
            loss = functional.binary_cross_entropy_with_logits(z[:, 0], y)
        return loss + 0.5 * self.penalty * (self.W**2).sum()

    def _full(self, X):
        rows = tensor(X)
        optimizer = torch.optim.LBFGS(
            [self.W, self.b],
            max_iter=self.max_iter,
            tolerance_grad=0,
            tolerance_change=0,
            line_search_fn="strong_wolfe",
        )

        def closure():
            optimizer.zero_grad()
            value = self._objective(rows, self.y)
            value.backward()
            return value

        optimizer.step(closure)

    def _batches(self, X):
        options = {"momentum": 0.9} if self.method == "SGD" else {}
        optimizer = getattr(torch.optim, self.method)(
            [self.W, self.b], lr=self.rate, **options
        )
        rows = (
            X if sp.issparse(X) else tensor(X)
        )  # rows of a sparse tensor are slow to take
        steps = self.max_iter * -(-X.shape[0] // self.batch_size)
        falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1e-3, steps)
        for _ in range(self.max_iter):
            for batch in torch.randperm(X.shape[0]).split(self.batch_size):
                part = tensor(X[batch.numpy()]) if sp.issparse(X) else rows[batch]
                optimizer.zero_grad()
                self._objective(part, self.y[batch]).backward()
                optimizer.step()
                falling.step()


def tensor(X):
    """Return the tensor of an array, or of a CSR matrix."""
    if not sp.issparse(X):
        return torch.as_tensor(X)
    return torch.sparse_csr_tensor(X.indptr, X.indices, X.data, X.shape)
