"""Muon for the matrices inside the network, AdamW for everything else, with the work split between processes.

Muon: K. Jordan et al., 2024 (github.com/KellerJordan/Muon): momentum, made orthogonal by five Newton–Schulz steps.
"""

import torch


def orthogonalise(matrices):
    """[n, rows, columns] -> nearest orthogonal matrices, nearly."""
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    tall = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2).contiguous() if tall else x
    for _ in range(5):
        gram = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.775 * gram + 2.0315 * (gram @ gram)) @ x
    return x.transpose(1, 2) if tall else x


def is_matrix(name, parameter):
    return parameter.dim() == 2 and 'embed' not in name  # not row, column, position and token embeddings are tables


def _sized(name):
    return name == 'model.norm.weight' or name.startswith(('model.embed_tokens', 'image_'))


class Optimizer:
    """Steps the parameters that this rank owns; `owner` says which rank that is, so that the others can be sent."""

    def __init__(self, named, muon_rate=0.02, adam_rate=1e-3, decay=0.1, rank=0, ranks=1, share=lambda name: 1.0):
        """share(name) scales both rates for a parameter, for parts that have already settled."""
        self.named = [(n, p) for n, p in named if p.requires_grad]
        self.muon_rate, self.decay, self.steps = muon_rate, decay, 0
        self.owner, load = {}, [0] * ranks
        cost = lambda p: p.numel() * min(p.shape) if p.dim() == 2 else p.numel()
        for name, parameter in sorted(self.named, key=lambda item: -cost(item[1])):
            self.owner[name] = load.index(min(load))
            load[self.owner[name]] += cost(parameter)
        self.mine = [(n, p) for n, p in self.named if self.owner[n] == rank]
        self.state = {n: self._fresh(n, p) for n, p in self.mine}
        # Adam moves every element by its rate: tables and the final norm, far from the usual size, get it in proportion.
        self.share = {n: share(n) for n, _ in self.mine}
        size = lambda n, p: p.detach().pow(2).mean().sqrt().item() if _sized(n) else 1.0
        self.adam_rates = {n: adam_rate * self.share[n] * size(n, p) for n, p in self.mine}

    @staticmethod
    def _fresh(name, parameter):
        keys = ('momentum',) if is_matrix(name, parameter) else ('momentum', 'square')
        return {key: torch.zeros_like(parameter) for key in keys}

    @torch.no_grad()
    def step(self, scale, clip=1.0):
        """One step with every learning rate multiplied by `scale`; returns the norm of the whole gradient."""
        self.steps += 1
        norm = torch.stack([p.grad.pow(2).sum() for _, p in self.named if p.grad is not None]).sum().sqrt().item()
        shrink = min(1.0, clip / (norm + 1e-6))
        groups = {}
        for name, parameter in self.mine:
            if parameter.grad is None:
                continue
            if is_matrix(name, parameter):
                groups.setdefault((tuple(parameter.shape), self.share[name]), []).append((name, parameter))
            else:
                self._adam(name, parameter, shrink, scale)
        for (shape, share), group in groups.items():
            self._muon(shape, group, scale * share)
        for _, parameter in self.named:
            parameter.grad = None
        return norm

    def _muon(self, shape, group, scale):
        rate = self.muon_rate * scale
        for name, parameter in group:
            self.state[name]['momentum'].lerp_(parameter.grad, 0.05)
        nesterov = torch.stack([p.grad.lerp(self.state[n]['momentum'], 0.95) for n, p in group])
        updates = orthogonalise(nesterov)
        for (_, parameter), update in zip(group, updates, strict=True):
            parameter.mul_(1 - rate * self.decay).add_(update, alpha=-rate * max(1, shape[0] / shape[1]) ** 0.5)

    def _adam(self, name, parameter, shrink, scale, betas=(0.9, 0.98)):
        rate, state, gradient = self.adam_rates[name] * scale, self.state[name], parameter.grad * shrink
        state['momentum'].lerp_(gradient, 1 - betas[0])
        state['square'].lerp_(gradient * gradient, 1 - betas[1])
        mean = state['momentum'] / (1 - betas[0] ** self.steps)
        deviation = (state['square'] / (1 - betas[1] ** self.steps)).sqrt()
        parameter.add_(mean / (deviation + 1e-8), alpha=-rate)

    def state_dict(self):
        return {'steps': self.steps, 'state': self.state}

    def load_state_dict(self, saved):
        self.steps = saved['steps']
        for name in self.state:
            if name in saved['state']:
                self.state[name] = saved['state'][name]
