// Types of the resources about voices in training. Times are in seconds, pitch in Hz.

/**
 * @typedef {"recordings" | "prepare" | "train" | "compare" | "pack"} StepName
 * @typedef {"todo" | "done" | "stale" | "failed" | "running" | "blocked"} StepState
 * @typedef {{state: StepState, reason: string | null, job: number | null}} StepView reason: why it is in this state
 * @typedef {Record<StepName, StepView>} Steps
 *
 * @typedef {{name: string, state: "empty" | "recorded" | "prepared" | "trained", steps: Steps, updated_at: string, bytes: number}} Row
 *
 * @typedef {{file: string, title: string, seconds: number | null, kind: "spoken" | "sung" | null,
 *   state: "checking" | "good" | "fair" | "bad", problems: string[], url: string}} Recording
 * @typedef {{title: string, amount: number, aim: number}} Amount
 * @typedef {{seconds: number, amounts: Record<"spoken" | "sung" | "seconds", Amount>, missing: string[],
 *   pitch: Record<string, [number, number]>}} Summary
 * @typedef {{text: string, training: number, validation: number, left_out: string[], notes: string[]}} Prepared
 * @typedef {{name: string, title: string, what: string, chosen: boolean, available: boolean}} Template
 *
 * @typedef {"quick" | "half_hour" | "overnight" | "custom"} Length
 * @typedef {{kind: Length, title: string, minutes: number, checkpoints: number, disk_bytes: number | null}} PlanChoice
 * @typedef {{minutes: number | null, kind: Length, choices: PlanChoice[], disk_bytes: number | null, free_bytes: number | null}} Plan
 *
 * @typedef {{index: number, title: string, url: string}} Clip a validation clip; url: the recording
 * @typedef {{number: number, title: string, made_at: string, bytes: number, best: boolean, measures: Record<string, string>,
 *   sample_urls: (string | null)[], voice: string}} Checkpoint voice: its name for /convert
 * @typedef {{number: number, measure: string, text: string}} Best
 * @typedef {{id: string, title: string}} Phrase
 * @typedef {{name: string, number: number, text: string}} Packed name: of the voice
 *
 * @typedef {{name: string, folder: string | null, state: string, unit: "step" | "epoch", steps: Steps, advice: string[],
 *   recordings: Recording[], summary: Summary, prepared: Prepared | null, template: string | null, templates: Template[],
 *   settings: Record<string, any>, schedule: {text: string[]} | null, plan: Plan, needs: import("../../lib/types.js").Asset[],
 *   resume: string | null, clips: Clip[], checkpoints: Checkpoint[], best: Best | null, phrases: Phrase[], compared: boolean,
 *   packed: Packed | null, problem: string | null, disk_bytes: number}} Project checkpoints: newest first
 *
 * @typedef {{tag: string, title: string, main: boolean, points: [number, number][]}} Curve points: step and value
 * @typedef {{curves: Curve[], help: string, seconds_per_step: number | null}} Curves
 * @typedef {{title: string, values: string[], best: boolean[], target: string}} MeasureRow
 * @typedef {{comparison: import("../../lib/types.js").Comparison, numbers: number[], rows: MeasureRow[],
 *   notes: string[], outdated: boolean}} Compared
 */

export {};
