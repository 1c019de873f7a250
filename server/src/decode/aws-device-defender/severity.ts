/**
 * Severities of the audit checks. Source: AWS IoT Device Defender, "Audit checks"; a check that is
 * not in the list has none.
 */
const CHECKS: Readonly<Record<string, string>> = {
  REVOKED_CA_CERTIFICATE_STILL_ACTIVE_CHECK: 'CRITICAL',
  INTERMEDIATE_CA_REVOKED_FOR_ACTIVE_DEVICE_CERTIFICATES_CHECK: 'CRITICAL',
  DEVICE_CERTIFICATE_SHARED_CHECK: 'CRITICAL',
  DEVICE_CERTIFICATE_KEY_QUALITY_CHECK: 'CRITICAL',
  CA_CERTIFICATE_KEY_QUALITY_CHECK: 'CRITICAL',
  UNAUTHENTICATED_COGNITO_ROLE_OVERLY_PERMISSIVE_CHECK: 'CRITICAL',
  AUTHENTICATED_COGNITO_ROLE_OVERLY_PERMISSIVE_CHECK: 'CRITICAL',
  IOT_POLICY_OVERLY_PERMISSIVE_CHECK: 'CRITICAL',
  IOT_ROLE_ALIAS_OVERLY_PERMISSIVE_CHECK: 'CRITICAL',
  CONFLICTING_CLIENT_IDS_CHECK: 'HIGH',
  IOT_POLICY_POTENTIAL_MISCONFIGURATION_CHECK: 'MEDIUM',
  IOT_ROLE_ALIAS_ALLOWS_ACCESS_TO_UNUSED_SERVICES_CHECK: 'MEDIUM',
  CA_CERTIFICATE_EXPIRING_CHECK: 'MEDIUM',
  DEVICE_CERTIFICATE_EXPIRING_CHECK: 'MEDIUM',
  REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK: 'MEDIUM',
  LOGGING_DISABLED_CHECK: 'LOW',
  DEVICE_CERTIFICATE_AGE_CHECK: 'LOW',
}

export function severityOfCheck(name: string): string | undefined {
  return Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined
}

/** The numbers that Elastic's rules use for the same four words. */
const NUMBERS: Readonly<Record<string, number>> = { LOW: 21, MEDIUM: 47, HIGH: 73, CRITICAL: 99 }

export function severityNumber(severity: string | undefined): number | undefined {
  if (severity === undefined) return undefined
  return Object.hasOwn(NUMBERS, severity) ? NUMBERS[severity] : undefined
}
