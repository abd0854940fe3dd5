// Types of wavesurfer.js for `npm run check`, from the package it is built of.
export {default as WaveSurfer} from "wavesurfer.js";
export {default as Regions} from "wavesurfer.js/plugins/regions";
