/** Plants the bug that BUNKA_SIM_BUG names, before any module of src is read. */
import { plantFault } from "../../source-faults.ts";
import { bugNamed } from "./all-bugs.ts";

const name = process.env["BUNKA_SIM_BUG"];
if (name !== undefined) plantFault(bugNamed(name));
