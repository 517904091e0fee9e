/** What the command line has of the outside world, so that tests can stand in for it. */
export interface CliIo {
  /** The result, and nothing else. */
  readonly stdout: OutputStream;
  /** Progress and messages. */
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly interruption: Interruption;
}

/** `isTTY` decides about colours and the progress bar. */
export type OutputStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** Set by the first signal; whoever runs something long looks at it now and then. */
export interface Interruption {
  readonly signal: 'SIGINT' | 'SIGTERM' | undefined;
}
