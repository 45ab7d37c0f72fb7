export interface Organization {
  readonly id: string;
  /** Unique; an RFC 1123 label. */
  readonly name: string;
  readonly displayName: string;
  /** How many scans may run at once; 0 means the deployment's default. */
  readonly maxRunningScans: number;
  /** How many scans may wait; 0 means the deployment's default. */
  readonly maxQueuedScans: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface Project {
  readonly id: string;
  readonly organizationId: string;
  /** Unique within the organization. */
  readonly name: string;
  readonly description: string;
  readonly gitUrl: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
