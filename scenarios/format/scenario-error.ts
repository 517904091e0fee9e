import { type Diagnostic, formatDiagnostics } from '../../diagnostics/diagnostic.ts';

/** The user's file is wrong. Our own mistakes are assertions and never this error. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
  readonly diagnostics: readonly Diagnostic[];
  /** The file as read, so that a report needs no second read (the file may have changed); empty if it was not text. */
  readonly sourceLines: readonly string[];

  constructor(diagnostics: readonly Diagnostic[], sourceLines: readonly string[] = []) {
    super(formatDiagnostics(diagnostics, []));
    this.diagnostics = diagnostics;
    this.sourceLines = sourceLines;
  }
}
