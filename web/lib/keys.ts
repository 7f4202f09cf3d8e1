/** Is the person typing somewhere, or is a dialog open? Then single keys are not ours. */
export function keysAreTaken(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  return (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    target instanceof HTMLCanvasElement ||
    /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) ||
    target.isContentEditable ||
    document.querySelector("[role=dialog],[role=alertdialog]") !== null
  );
}
