// Train: the voices in training, and the steps of one of them.

import {html} from "../vendor/preact.js";
import {ProjectList} from "./train/project-list.js";
import {ProjectPage} from "./train/project.js";

/** @param {{rest: string[]}} props rest: name of a voice in training, or nothing for the list of all */
export default function Train({rest: [name]}) {
  return name ? html`<${ProjectPage} key=${name} name=${name} />` : html`<${ProjectList} />`;
}
