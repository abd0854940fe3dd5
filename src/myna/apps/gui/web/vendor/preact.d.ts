// Types of preact.js for `npm run check`, from the packages it is built of.
export {h, render, Fragment} from "preact";
export type {ComponentChildren, VNode} from "preact";
export {useEffect, useLayoutEffect, useRef, useState, useMemo, useCallback} from "preact/hooks";
export {signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect} from "@preact/signals";
export type {Signal, ReadonlySignal} from "@preact/signals";
import type {VNode} from "preact";
export declare function html(strings: TemplateStringsArray, ...values: any[]): VNode<any>;
