/** One RPC as ts-proto's grpc-js output describes it. */
export interface MethodDefinition<Request, Response> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly requestDeserialize: (value: Buffer) => Request;
  readonly responseSerialize: (value: Response) => Buffer;
  readonly responseDeserialize: (value: Buffer) => Response;
}

// `any` because a service's methods are only related to their own messages.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type ServiceDefinition = Readonly<Record<string, MethodDefinition<any, any>>>;

export type RequestOf<Method> = Method extends { readonly requestDeserialize: (value: Buffer) => infer Request } ? Request : never;
export type ResponseOf<Method> = Method extends { readonly responseDeserialize: (value: Buffer) => infer Response } ? Response : never;

export type UnaryMethods<Service> = {
  [Name in keyof Service]: Service[Name] extends { readonly responseStream: true } | { readonly requestStream: true } ? never : Name;
}[keyof Service];
/** Many requests, one response. */
export type UploadingMethods<Service> = {
  [Name in keyof Service]: Service[Name] extends { readonly requestStream: true; readonly responseStream: false } ? Name : never;
}[keyof Service];
export type StreamingMethods<Service> = {
  [Name in keyof Service]: Service[Name] extends { readonly responseStream: true } ? Name : never;
}[keyof Service];
