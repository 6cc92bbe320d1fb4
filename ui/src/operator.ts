/** The seller's pages, apart from the kit: customers never load them. */

import "./english.ts";
import "./views/operator.ts";
