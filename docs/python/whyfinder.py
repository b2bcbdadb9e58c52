"""Shows arrays of a notebook in Whyfinder: attention, causal traces, effects.

One file, to be copied beside a notebook; it needs numpy and nothing else. Tensors of PyTorch are taken as they are.

    import whyfinder
    whyfinder.head_view(outputs.attentions, tokens)            # as BertViz
    whyfinder.attention_patterns(tokens, attention)            # as CircuitsVis: [heads, query, key]
    whyfinder.imshow(effects, x="head", y="layer")             # any two axes
    whyfinder.trace(scores, tokens, low, high)                 # as ROME
    whyfinder.effect_map(psnr, origin)                         # as CEM: [rows, columns, interventions]

Each call writes a file and opens it: in a window that is there already, or in a new one. With save="figure.npz" it writes
the file and opens nothing. Numbers that are still being computed can be sent cell by cell:

    with whyfinder.connect() as window:
        live = window.begin((tokens, layers), axes=("token", "layer"), tokens=texts)
        live[token, layer] = effect

The program is looked for as WHYFINDER (an environment variable), else as `whyfinder` on the PATH.
"""

import glob
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time

import numpy as np

__version__ = "0.1.0"
__all__ = [
    "head_view",
    "model_view",
    "attention_patterns",
    "attention_pattern",
    "attention_heads",
    "imshow",
    "trace",
    "plot_trace_heatmap",
    "effect_map",
    "save",
    "open",
    "connect",
    "WhyfinderError",
]


class WhyfinderError(RuntimeError):
    """What the program said, or why it could not be reached."""


# Arrays


def _array(values):
    """A numpy array of anything that is one: of numpy, PyTorch, JAX, lists."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        try:
            values = values.numpy()
        except TypeError:
            # numpy has no bfloat16.
            values = values.float().numpy()
    values = np.asarray(values)
    if values.dtype == object:
        raise TypeError("an array of numbers is needed, not of %s objects" % type(values.flat[0]).__name__)
    if values.dtype not in (np.float16, np.float32, np.float64, np.uint8):
        values = values.astype(np.float32)
    return values


def _texts(tokens):
    return [str(token) for token in tokens]


def _stacked(attention):
    """Attention as [layers, heads, query, key], from a tensor of two to five axes or a list of them, one a layer."""
    if isinstance(attention, (list, tuple)):
        if len(attention) == 0:
            raise ValueError(
                "the list of attention is empty; models of transformers give it only if loaded with "
                'attn_implementation="eager" and called with output_attentions=True (it is in outputs.attentions)'
            )
        layers = [_array(layer) for layer in attention]
    else:
        attention = _array(attention)
        if attention.ndim < 4:
            layers = [attention]
        elif attention.ndim == 4:
            # [1, heads, query, key] is one layer; [layers, heads, query, key] are several.
            layers = [attention] if attention.shape[0] == 1 else list(attention)
        else:
            layers = list(attention)
    made = []
    for layer in layers:
        if layer.ndim == 4:
            if layer.shape[0] != 1:
                raise ValueError("a batch of %d sequences; choose one: layer[i]" % layer.shape[0])
            layer = layer[0]
        if layer.ndim == 2:
            layer = layer[None]
        if layer.ndim != 3:
            raise ValueError("attention of a layer is [heads, query, key], not of shape %s" % (layer.shape,))
        made.append(layer)
    return np.stack(made)


# Files


def save(path, values, axes, kind=None, stderr=None, count=None, samples=None, arrays=None, more=None, **said):
    """Writes a file that Whyfinder opens without asking; gives its whole path.

    values: an array with one axis for each name in `axes`, such as ("layer", "head") or ("layer", "head", "query", "key").
    stderr, count: arrays of the same shape. samples: one axis more. arrays: more arrays of the shape, by name.
    more: what belongs to those, by names such as "mlp.stderr", "mlp.samples".
    said: tokens, labels ({axis: list}), title, metric, model, low, high, subject ((first, end)), answer, layers.
    The file is there whole or not at all.
    """
    path = os.path.abspath(os.fspath(path))
    if not path.endswith(".npz"):
        path += ".npz"
    values = {} if values is None else {"values": _array(values)}
    for name, array in (arrays or {}).items():
        values[name] = _array(array)
    for name, array in values.items():
        if array.ndim != len(axes):
            raise ValueError("%d axes are named, and %s has %d" % (len(axes), name, array.ndim))
    members = dict(values)
    for name, array in (("stderr", stderr), ("count", count), ("samples", samples)):
        if array is not None:
            members["values." + name] = _array(array)
    for name, array in (more or {}).items():
        members[name] = _array(array)
    manifest = _manifest(axes, kind, list(values), said)
    members["whyfinder"] = np.array(json.dumps(manifest))
    folder = os.path.dirname(path)
    handle, part = tempfile.mkstemp(prefix=".whyfinder-", suffix=".npz", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **members)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise
    return path


def _manifest(axes, kind, arrays, said):
    known = ("tokens", "labels", "title", "metric", "model", "low", "high", "subject", "answer", "layers")
    for name in said:
        if name not in known:
            raise TypeError("nothing is known of %r; there are %s" % (name, ", ".join(known)))
    manifest = {"axes": [str(axis) for axis in axes], "arrays": arrays}
    if kind is not None:
        manifest["kind"] = kind
    for name, value in said.items():
        if value is None:
            continue
        if name == "tokens":
            value = _texts(value)
        elif name == "labels":
            value = {axis: _labels(labels) for axis, labels in value.items()}
        elif name in ("low", "high"):
            value = float(value)
        elif name in ("subject", "layers"):
            value = [int(n) for n in value]
        else:
            value = str(value)
        manifest[name] = value
    return manifest


def _labels(labels):
    labels = list(labels)
    numbers = all(isinstance(label, (int, float, np.number)) for label in labels)
    return [float(label) for label in labels] if numbers else _texts(labels)


def _show(save_as, name, values, axes, **rest):
    if save_as is not None:
        return save(save_as, values, axes, **rest)
    folder = tempfile.mkdtemp(prefix="whyfinder-")
    return open(save(os.path.join(folder, name + ".npz"), values, axes, **rest))


# Attention


def head_view(
    attention=None,
    tokens=None,
    sentence_b_start=None,
    prettify_tokens=True,
    layer=None,
    heads=None,
    include_layers=None,
    html_action=None,
    save=None,
    **unused,
):
    """As bertviz.head_view: a list of [1, heads, query, key], one a layer, and the tokens.

    include_layers and heads choose some. Whatever else BertViz takes for its own look is passed over.
    """
    attention = _stacked(attention)
    layers = list(range(len(attention)))
    if include_layers is not None:
        layers = [int(i) for i in include_layers]
        attention = attention[layers]
    if heads is not None:
        attention = attention[:, list(heads)]
    return _show(
        save, "attention", attention, ("layer", "head", "query", "key"), kind="attention", tokens=tokens, layers=layers
    )


def model_view(attention=None, tokens=None, **rest):
    """As bertviz.model_view; the window shows all heads and one of them."""
    return head_view(attention, tokens, **rest)


def attention_patterns(tokens, attention, attention_head_names=None, save=None, **unused):
    """As circuitsvis.attention.attention_patterns: [heads, query, key] and the tokens."""
    return head_view(attention, tokens, save=save)


def attention_heads(attention, tokens, attention_head_names=None, save=None, **unused):
    """As circuitsvis.attention.attention_heads."""
    return head_view(attention, tokens, save=save)


def attention_pattern(tokens, attention, save=None, **unused):
    """As circuitsvis.attention.attention_pattern: one head, [query, key]."""
    return head_view(attention, tokens, save=save)


# Effects


def imshow(values, x=None, y=None, xaxis=None, yaxis=None, title=None, stderr=None, samples=None, save=None, **said):
    """A map of any two axes: rows are `y`, columns are `x`.

    x and y are the names of the axes, or their labels if xaxis and yaxis name them. samples: one axis more, from which
    mean and standard error are computed. What plotly takes for its own look is passed over.
    """
    look = ("zmin", "zmax", "color_continuous_scale", "color_continuous_midpoint", "renderer", "aspect", "template")
    said = {name: value for name, value in said.items() if name not in look}
    names, labels = [], {}
    for given, name, default in ((y, yaxis, "row"), (x, xaxis, "column")):
        named = name or (given if isinstance(given, str) else default)
        names.append(named.lower())
        if given is not None and not isinstance(given, str):
            labels[named.lower()] = given
    tokens = said.pop("tokens", None)
    return _show(
        save, "effects", values, names, kind="effects", title=title, stderr=stderr, samples=samples,
        labels=labels or None, tokens=tokens, **said
    )


def trace(scores, tokens, low=None, high=None, subject=None, answer=None, kind="", save=None, **said):
    """A causal trace as of ROME: scores [tokens, layers] between the corrupted (low) and the clean (high) value.

    scores may be a dictionary of such, with the keys "residual", "mlp" and "attention".
    """
    if isinstance(scores, dict):
        arrays = scores
    else:
        arrays = {{"": "residual", None: "residual", "mlp": "mlp", "attn": "attention"}.get(kind, kind): scores}
    return _show(
        save, "trace", None, ("token", "layer"), kind="trace", arrays=arrays, tokens=tokens, low=low, high=high,
        subject=subject, answer=answer, metric=said.pop("metric", "probability"), **said
    )


def plot_trace_heatmap(result, savepdf=None, title=None, save=None, **unused):
    """As ROME's plot_trace_heatmap: the dictionary that its calculate_hidden_flow gives."""
    return trace(
        result["scores"],
        result["input_tokens"],
        low=result["low_score"],
        high=result.get("high_score"),
        subject=result.get("subject_range"),
        answer=result.get("answer"),
        kind=result.get("kind") or "",
        save=save,
    )


def effect_map(psnr, origin, save=None):
    """A causal effect map as of CEM: psnr [rows, columns, interventions], zero where nothing was run, and the PSNR of the
    untouched input. The effect is origin - psnr, in dB."""
    psnr = _array(psnr).astype(np.float64)
    samples = np.where(psnr == 0, np.nan, float(origin) - psnr)
    taken = np.isfinite(samples).sum(-1)
    total = np.where(np.isfinite(samples), samples, 0).sum(-1)
    mean = np.full(taken.shape, np.nan)
    np.divide(total, taken, out=mean, where=taken > 0)
    return _show(
        save, "effects", None, ("row", "column"), kind="effects", arrays={"effect": mean},
        more={"effect.samples": samples}, metric="psnr"
    )


# The program


def _program():
    named = os.environ.get("WHYFINDER")
    found = named or shutil.which("whyfinder")
    if not found:
        raise WhyfinderError("whyfinder is not on the PATH; say where it is with the environment variable WHYFINDER")
    return found


def open(path):
    """Opens a file in a window that is there, or in a new one; gives its path."""
    path = os.path.abspath(os.fspath(path))
    try:
        with connect(start=False) as window:
            window.open(path)
    except WhyfinderError:
        _start(path)
    return path


def _start(*words):
    return subprocess.Popen(
        [_program(), "open", *words] if words else [_program()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _folder():
    """Where windows of this user listen."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        return os.path.join(runtime, "whyfinder")
    user = "".join(c for c in os.environ.get("USER", "") if c.isalnum())
    return os.path.join(os.environ.get("TMPDIR") or "/tmp", "whyfinder-" + user)


def _is_ours(folder):
    """Another user may have made a folder of this name."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return found.st_uid == os.getuid() and found.st_mode & 0o077 == 0


def connect(start=True, patience=30.0):
    """The line to a window: the one opened last, or a new one. Where sockets of files are unknown (Windows), only files
    work: save() and open()."""
    if not hasattr(socket, "AF_UNIX"):
        raise WhyfinderError("this system has no sockets that only you can reach; write files with save() and open()")
    began = time.monotonic()
    started = None
    while True:
        folder = _folder()
        windows = glob.glob(os.path.join(glob.escape(folder), "window-*.sock")) if _is_ours(folder) else []
        for path in sorted(windows, key=os.path.getmtime, reverse=True):
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                line.connect(path)
                return Window(line)
            except OSError:
                # A window that ended without taking its socket along.
                line.close()
        if not start:
            raise WhyfinderError("no window listens")
        if started is None:
            started = _start()
        if started.poll() is not None or time.monotonic() - began > patience:
            raise WhyfinderError("the window did not come up; is there a display?")
        time.sleep(0.1)


class Window:
    """The line to a running window. It closes at the end of a `with`; what was sent stays in the window."""

    def __init__(self, line):
        self._line = line
        self.program = self._say({"do": "hello"})["program"]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        self._line.close()

    def open(self, path):
        """Has the window open a file."""
        self._say({"do": "open", "path": os.path.abspath(os.fspath(path))})

    def begin(self, shape, axes, kind=None, array="values", arrays=None, **said):
        """Begins numbers of this shape, all unknown; gives what takes them. `said` is as in save()."""
        names = list(arrays or [array])
        manifest = _manifest(axes, kind, names, said)
        shape = [int(side) for side in shape]
        if len(shape) != len(axes):
            raise ValueError("%d axes are named, and the shape has %d" % (len(axes), len(shape)))
        self._say({"do": "begin", "manifest": manifest, "arrays": {name: shape for name in names}})
        made = {name: Live(self, name, shape) for name in names}
        return made if arrays else made[array]

    def _say(self, header, numbers=None):
        payload = b"" if numbers is None else np.ascontiguousarray(numbers, dtype="<f4").tobytes()
        if payload:
            header = dict(header, payload=len(payload))
        text = json.dumps(header).encode()
        try:
            self._line.sendall(struct.pack("<I", len(text)) + text + payload)
            (length,) = struct.unpack("<I", self._receive(4))
            answer = json.loads(self._receive(length))
        except OSError as error:
            raise WhyfinderError("the window is gone (%s)" % error) from None
        if "error" in answer:
            raise WhyfinderError(answer["error"])
        return answer

    def _receive(self, count):
        parts = b""
        while len(parts) < count:
            part = self._line.recv(count - len(parts))
            if not part:
                raise WhyfinderError("the window is gone")
            parts += part
        return parts


class Live:
    """Numbers in a window that fill in: `live[token, layer] = value`, or whole parts: `live[token] = row`."""

    # Cells sent in one frame.
    _MOST = 1 << 16

    def __init__(self, window, name, shape):
        self._window = window
        self._name = name
        self._places = np.arange(int(np.prod(shape))).reshape(shape)

    @property
    def shape(self):
        return self._places.shape

    def __setitem__(self, where, values):
        places = self._places[where]
        values = np.broadcast_to(_array(values), np.shape(places))
        places, values = np.ravel(places), np.ravel(values)
        for first in range(0, len(places), self._MOST):
            some = slice(first, first + self._MOST)
            self._window._say(
                {"do": "cells", "array": self._name, "at": places[some].tolist()}, values[some]
            )
