// Types of the resources under /api/v1. Times are in seconds, pitch in Hz, levels in dB.

/**
 * @typedef {{version: string, languages: string[], local: boolean, auth: boolean, folder: string | null,
 *   device: {name: string, reason: string} | null, limits: {file_bytes: number}, server_id: string}} Session
 *
 * @typedef {"waiting" | "running" | "stopping" | "done" | "failed" | "cancelled" | "interrupted" | "gone"} JobState
 * @typedef {{id: number, kind: string, title: string, state: JobState, stage: string | null, fraction: number | null,
 *   seconds_left: number | null, seconds: number | null, error: string | null, created_at: string,
 *   where: "page" | "terminal", about: {result?: number, voice?: string, voices?: string[], project?: string, asset?: string, files?: string[], upload?: string},
 *   facts: Record<string, any>, can: string[]}} Job
 *
 * @typedef {{name: string, title: string, bytes: number, here: boolean, folder: string, url: string, why: string}} Asset
 * @typedef {{name: string, origin: string, title: string, tags: string[], notes: string, author: string | null,
 *   licence: string | null, cover: string | null, kind: string, family: string, version: string, speakers: string[],
 *   sample_rate: number | null, bytes: number, pitch: Record<string, number>, retrieval: boolean, inspected: boolean,
 *   problem: string | null, defaults: Record<string, any>, has_test: boolean, deletable: boolean, renamable: boolean,
 *   folder: string | null, needs: Asset[], remarks: string[]}} Voice
 *
 * @typedef {{name: string, title: string, help: string, unit: string | null,
 *   type: "number" | "integer" | "text" | "choice" | "boolean" | "speaker", choices: {value: any, title: string}[] | null,
 *   low: number | null, high: number | null, step: number | null, default: any, optional: boolean,
 *   group: "main" | "more" | "expert", inert: string | null}} FormField
 * @typedef {{fields: FormField[]}} Form
 * @typedef {Record<string, any>} Values values of a form by field name, only those that differ from the defaults
 *
 * @typedef {{id: string, name: string, bytes: number}} Upload
 * @typedef {{kind: string, text: string, spans: [number, number][]}} Warning
 * @typedef {{seconds: number, channels: number, sample_rate: number, median_hz: number | null, low_hz: number | null,
 *   high_hz: number | null, peaks: number[], loudest: {start: number, seconds: number} | null,
 *   warnings: Warning[]}} SongFacts
 * @typedef {{content: "song" | "voice" | null, text: string}} SongContent null: it is not clear
 * @typedef {{transpose: number, kind: "same" | "octave" | "closest", title: string,
 *   out_of_range: Warning | null}} KeyChoice
 * @typedef {{source_hz: number | null, voice_hz: number | null, source_note: string | null, voice_note: string | null,
 *   choices: KeyChoice[], best: number}} KeyFacts
 *
 * @typedef {{number: number, song: string, voice: string, seconds: number, transpose: number, made_at: string,
 *   preview: boolean, command: string, options: Values, defaults: Values, remarks: string[], transpose_all: number, has_tracks: boolean,
 *   needs_mix: boolean, job: number | null}} Result
 *
 * @typedef {{transpose: number, speaker: string | null, speaker_mix: string | null, dry_wet: number, gate_db: number | null,
 *   bypass: boolean}} LiveSettings
 * @typedef {[number, number | null][]} Pitch times and f0, null where unvoiced
 * @typedef {{seconds: number, source_db: number, output_db: number, source_pitch: Pitch, voice_pitch: Pitch, heard_seconds: number,
 *   recorded_seconds: number | null, block: number, compute: [number, number, number], delays: Record<string, number>,
 *   recent_gaps: number, n_gaps: number}} LiveReport
 * @typedef {{state: "stopped" | "loading" | "running" | "stopping", voice: string | null, next_voice: string | null,
 *   settings: LiveSettings, automatic: boolean, recording: boolean, place: "browser" | "devices" | null, result: number | null, problem: string | null,
 *   report: LiveReport}} Live
 *
 * @typedef {{text: string, place: number}} Label
 * @typedef {{url: string, name: string, seconds: number, gain: number, spectrogram: string, curve: string}} Track
 * @typedef {{seconds: number, tracks: Track[], notes: Label[], frequencies: Label[], times: Label[]}} Comparison
 *
 * @typedef {{gain_db: number, muted: boolean, solo: boolean}} Level
 * @typedef {{name: string, title: string, main: boolean, in_original: boolean, channels: number, samples: string, outline: string,
 *   level: Level}} StemTrack main: the sung voice; in_original: part of the song as it was
 * @typedef {{sample_rate: number, seconds: number, tracks: StemTrack[]}} StemSet
 *
 * @typedef {{sample_rate: number, seconds: number, tracks: {name: string, channels: number, sample_rate: number, samples: string, volume: number}[],
 *   frame_seconds: number, before: number[], after: number[], notes: {start: number, end: number, pitch: number}[],
 *   edits: import("../components/pitch-editor/edits.js").Edit[], key: string | null, keys: import("../components/pitch-editor/edits.js").Key[],
 *   spectrum: string, changed: [number, number][]}} PitchView
 *
 * @typedef {{name: string, state: string, steps: any, updated_at: string, bytes: number}} ProjectRow
 */

export {};
