/** Actions of the reader that the portal may refuse. */

import { Problem } from "../client.ts";

/** Run an action and hand a problem to whoever shows it. */
export async function attempted(action: () => Promise<void>, onProblem: (problem: Problem) => void): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    onProblem(error);
  }
}
