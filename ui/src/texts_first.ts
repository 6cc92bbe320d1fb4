/** What may have to be said before any language is there. */
export const FIRST_TEXTS = {
  "problem.expired": "This session has ended",
  "problem.expiredText": "Ask {seller} for a new link, then open it here.",
  "problem.expiredUnknown": "Ask whoever sent you the link for a new one, then open it here.",
  "problem.expiredEmbed": "Reload this page to sign in again.",
  "problem.forbidden": "This page is not open to you",
  "problem.forbiddenText": "{seller} decides which pages are shown. Ask them if you need this one.",
  "problem.forbiddenUnknown": "Your session shows only some pages. Ask whoever invited you if you need this one.",
  "problem.missing": "There is nothing here",
  "problem.missingText": "The address may be mistyped, or what it named is gone. Choose a page from the menu.",
  "problem.refused": "This can't be shown",
  "problem.unavailable": "The figures can't be reached right now",
  "problem.unavailableText": "Nothing is lost: what was reported is kept and counted. Try again in a moment.",
  "problem.retry": "Try again",
  "problem.request": "Request {id}",
  "loading": "Loading",
} as const;
