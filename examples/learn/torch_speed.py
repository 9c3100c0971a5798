"""PyTorch and onnxruntime beside Foreshock: the same models, CPU, one thread, one process.

usage: torch_speed.py train | infer

train: windows per second of CPU time: a batch of 64 windows of 64 frames x 162 channels put together with noise of 0.1,
       forward, backward and AdamW step.
infer: microseconds per verdict on the last frame of a full window of 64 frames x 162 channels, one at a time, as
       neither library streams: to be compared with the column "full window" of benches/verdict.rs. Encoders run over
       the window, projection and heads on its last frame only, as there; our transformer also leaves out all other
       frames of its last block, and "streaming" what was known before. Median and 99 % quantile of 300.
Sizes are those of paper.yaml, benches/train.rs and benches/verdict.rs.
"""

import io
import sys
import time
import warnings

import numpy as np
import torch
from torch import nn

CHANNELS, WINDOW, BATCH, PROJECTION, NOISE = 162, 64, 64, 32, 0.1


class Lstm(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.lstm, self.width = nn.LSTM(CHANNELS, width, batch_first=True), width

    def forward(self, x):
        return self.lstm(x)[0]


class Tcn(nn.Module):
    def __init__(self, width=32, kernel=3, dilations=(1, 2, 4, 8)):
        super().__init__()
        self.width, self.input = width, nn.Linear(CHANNELS, width)
        self.pads = [(kernel - 1) * d for d in dilations]
        make = lambda d: nn.Conv1d(width, width, kernel, dilation=d)
        self.first, self.second = (nn.ModuleList(map(make, dilations)) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * len(dilations)))
        self.dropout = nn.Dropout(0.3)

    def forward(self, x):
        x = self.input(x)
        for k, pad in enumerate(self.pads):
            inner = x
            for convolution, norm in ((self.first[k], self.norms[2 * k]), (self.second[k], self.norms[2 * k + 1])):
                inner = convolution(nn.functional.pad(inner.transpose(1, 2), (pad, 0))).transpose(1, 2)
                inner = self.dropout(torch.relu(norm(inner)))
            x = x + inner
        return x


class Transformer(nn.Module):
    def __init__(self, width=32, heads=4, layers=2):
        super().__init__()
        self.width, self.heads, self.input = width, heads, nn.Linear(CHANNELS, width)
        norm, dense = lambda: nn.LayerNorm(width), lambda a, b: nn.Linear(a, b)
        self.blocks = nn.ModuleList(
            nn.ModuleList([norm(), dense(width, 3 * width), dense(width, width), norm(), dense(width, 2 * width), dense(2 * width, width)])
            for _ in range(layers)
        )
        self.norm, self.dropout = norm(), nn.Dropout(0.3)
        distance = torch.arange(WINDOW)[:, None] - torch.arange(WINDOW)[None, :]
        slopes = torch.tensor([2 ** (-8 * (head + 1) / heads) for head in range(heads)])
        bias = -slopes[:, None, None] * distance
        self.register_buffer("bias", torch.where(distance < 0, torch.tensor(-1e4), bias)[None].float())

    def forward(self, x):
        x = self.input(x)
        batch, frames, width = x.shape
        for one, qkv, out, two, inner, outer in self.blocks:
            split = lambda t: t.reshape(batch, frames, self.heads, width // self.heads).transpose(1, 2)
            q, k, v = map(split, qkv(one(x)).chunk(3, 2))
            weights = torch.softmax(q @ k.transpose(2, 3) / (width // self.heads) ** 0.5 + self.bias, 3)
            mixed = (self.dropout(weights) @ v).transpose(1, 2).reshape(batch, frames, width)
            x = x + self.dropout(out(mixed))
            x = x + self.dropout(outer(self.dropout(nn.functional.gelu(inner(two(x))))))
        return self.norm(x)


class Network(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder, self.project = encoder, nn.Linear(encoder.width, PROJECTION)
        self.state, self.warning = nn.Linear(PROJECTION, 3), nn.Linear(PROJECTION, 1)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x):
        return self.heads(self.encoder(x))

    def heads(self, encoded):
        z = self.dropout(nn.functional.gelu(self.project(encoded)))
        return self.state(z), self.warning(z)


class LastFrame(nn.Module):
    """What a verdict needs: projection and heads of the last frame."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network.heads(self.network.encoder(x)[:, -1])


MODELS = {"lstm 48": Lstm, "tcn 32 x 4": Tcn, "transformer 32 x 2": Transformer}


def train():
    print(f"{'model':20} windows per CPU second, median of 10 steps of {BATCH} windows, PyTorch {torch.__version__}")
    data = np.random.default_rng(1).standard_normal((4 * BATCH, WINDOW, CHANNELS), dtype=np.float32)
    all_states, all_warnings = torch.randint(0, 3, (len(data), WINDOW)), torch.rand(len(data), WINDOW, 1).round()
    for name, encoder in MODELS.items():
        network = Network(encoder())
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
        order, seconds = np.random.default_rng(2), []
        for _ in range(12):
            start = time.process_time()
            chosen = order.integers(len(data), size=BATCH)
            x, states, warnings = torch.from_numpy(data[chosen]), all_states[chosen], all_warnings[chosen]
            x = x + NOISE * torch.randn_like(x)
            optimizer.zero_grad()
            state, warning = network(x)
            loss = nn.functional.cross_entropy(state.transpose(1, 2), states)
            loss = loss + nn.functional.binary_cross_entropy_with_logits(warning, warnings)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            seconds.append(time.process_time() - start)
        print(f"{name:20} {BATCH / np.median(seconds[2:]):9.0f}")


def microseconds(call):
    times = []
    for _ in range(330):
        start = time.perf_counter()
        call()
        times.append(1e6 * (time.perf_counter() - start))
    return np.quantile(times[30:], [0.5, 0.99])


def infer():
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    print(f"{'model':20} {'onnxruntime':>21} {'PyTorch':>21}  us per full window: median, 99 %")
    for name, encoder in MODELS.items():
        network = LastFrame(Network(encoder())).eval()
        x = torch.randn(1, WINDOW, CHANNELS)
        file = io.BytesIO()
        torch.onnx.export(network, (x,), file, input_names=["x"], dynamo=False)
        session = onnxruntime.InferenceSession(file.getvalue(), options)
        array = x.numpy()
        with torch.inference_mode():
            torch_time = microseconds(lambda: network(x))
        onnx_time = microseconds(lambda: session.run(None, {"x": array}))
        print(f"{name:20} {onnx_time[0]:10.1f} {onnx_time[1]:10.1f} {torch_time[0]:10.1f} {torch_time[1]:10.1f}")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("train", "infer"):
        sys.exit(__doc__)
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="torch")
    {"train": train, "infer": infer}[sys.argv[1]]()
