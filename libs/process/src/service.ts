/** Every long-lived part of a process. `stop` may be called any number of times, also before `start`. */
export interface Service extends AsyncDisposable {
  start(): Promise<void>;
  stop(): Promise<void>;
}
