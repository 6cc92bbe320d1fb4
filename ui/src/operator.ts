/** The seller's pages, apart from the kit: customers never load them. */

import "./views/operator.ts";
