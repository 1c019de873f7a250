// Generated from docs/reference/openapi.json by tools/api-types.mjs; not to be edited.
export interface paths {
    "/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A page that says where to look. */
        get: operations["welcome"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Alerts, the one opened last first. */
        get: operations["listAlerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An alert as it stands now, and what was told of it. */
        get: operations["getAlert"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts/counts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How many alerts there are, by severity. */
        get: operations["countAlerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All alerts of a filter, the one opened last first, one JSON object a line. */
        get: operations["exportAlerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts/facets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How the alerts are spread over severities, states and rules. */
        get: operations["facetAlerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Alert revisions as they come (text/event-stream); Last-Event-ID goes on from there. */
        get: operations["followAlerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The devices that are known, in order of their ids. */
        get: operations["listAssets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assets/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One device, with its version as ETag. */
        get: operations["readAsset"];
        /** Makes or replaces a device; with If-Match only the version that it names. */
        put: operations["putAsset"];
        post?: never;
        /** Removes a device; with If-Match only the version that it names. */
        delete: operations["deleteAsset"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assets/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes a table of devices over, whole or not at all. */
        post: operations["importAssets"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The running configuration, without its secrets. */
        get: operations["getConfig"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/config/reload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Reads the configuration file anew; a bad one changes nothing. */
        post: operations["reloadConfig"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Inputs that could not be read, the newest first. */
        get: operations["listDeadLetters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A dead letter with its input. */
        get: operations["getDeadLetter"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters/{id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Puts the input through its decoder again, after the decoder or its setting changed. */
        post: operations["replayDeadLetter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hunts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Runs rules over the stored past: one JSON object a line, as it goes (NDJSON). */
        post: operations["runHunt"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hunts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Calls a hunt off: ones own, or as an admin any. */
        delete: operations["endHunt"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This description. */
        get: operations["openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rule-folders/{folder}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Replaces a folder of own rules; all of it must compile, or nothing is changed. */
        put: operations["uploadRules"];
        post?: never;
        /** Takes an uploaded folder of rules away. */
        delete: operations["removeRules"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every rule, running or not, and why not. */
        get: operations["listRules"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rules/{id}/life": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Live, in shadow (kept, not told), disabled, or as its file says. */
        put: operations["setRuleLife"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rules/reload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Reads the rule files anew; changes nothing where a running rule broke. */
        post: operations["reloadRules"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/search/templates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The searches that can be run, and the values they take. */
        get: operations["listSearchTemplates"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/search/templates/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Runs a search over the stored events. */
        post: operations["runSearchTemplate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/search/templates/{name}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The rows of a search, one JSON object a line; the header x-picket-truncated says whether there are more. */
        post: operations["exportSearchTemplate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who asks, what they may do, and the token that their forms must send. */
        get: operations["whoAmI"];
        put?: never;
        /** Logs in by name and password, and one-time code where one is set up. */
        post: operations["login"];
        /** Ends the session. */
        delete: operations["logout"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/oidc": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Sends the browser to the OpenID provider. */
        get: operations["beginOidcLogin"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/oidc/callback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where the OpenID provider sends the browser back to; begins the session. */
        get: operations["endOidcLogin"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Changes one's own password; all other sessions of the user end. */
        post: operations["changePassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/totp": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A new secret for a second factor; nothing is set up until a code of it is sent. */
        get: operations["proposeTotp"];
        /** Sets up a second factor; needs the password and a code of the new secret. */
        put: operations["setTotp"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/totp/remove": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes the second factor away; needs the password. */
        post: operations["removeTotp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/ways": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How one can log in here. */
        get: operations["listLoginWays"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sources/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether anything arrives on a source, and what was made of its last inputs. */
        get: operations["getSource"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** API tokens, without their secrets. */
        get: operations["listTokens"];
        put?: never;
        /** Makes an API token; its text is told once. */
        post: operations["createToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revokes an API token at once. */
        delete: operations["revokeToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Everyone who may log in. */
        get: operations["listUsers"];
        put?: never;
        /** Makes a user, with a password to be changed at the first login. */
        post: operations["createUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Removes a user, with sessions; tokens that the user made end too. */
        delete: operations["deleteUser"];
        options?: never;
        head?: never;
        /** Changes roles and scope, disables or enables, drops a lost second factor; ends the user's sessions. */
        patch: operations["changeUser"];
        trace?: never;
    };
    "/api/v1/users/{id}/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Gives a user a new password, to be changed at the next login; ends the user's sessions. */
        post: operations["resetPassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process answers. */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Counters, gauges and histograms in Prometheus' text format. */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether events are received and watched; 503 and what is wrong where not. */
        get: operations["ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Problem: {
            code: string;
            detail: string;
            errors?: {
                field: string;
                message: string;
            }[];
            hint?: string;
            requestId: string;
            status: number;
            title: string;
            type: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    welcome: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page that says where to look. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listAlerts: {
        parameters: {
            query?: {
                /** @description Where the page before this ended. */
                cursor?: string;
                /** @description Episodes that reach into the time from here. */
                from?: string;
                limit?: number;
                open?: "true" | "false";
                rule?: string;
                /** @description At least this severe. */
                severity?: "informational" | "low" | "medium" | "high" | "critical";
                state?: "provisional" | "final" | "amended" | "retracted";
                /** @description Alerts that a planned change explains; without them unless asked for. */
                suppressed?: "without" | "with" | "only";
                /** @description ISO 8601 with zone, such as 2026-03-01T10:00:00Z. */
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Alerts, the one opened last first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        alerts: {
                            author: string;
                            continues?: string;
                            count: number;
                            events: string[];
                            eventsTotal: number;
                            first: string;
                            group: {
                                [key: string]: string;
                            };
                            id: string;
                            last: string;
                            late?: number;
                            matched?: {
                                [key: string]: string[];
                            };
                            merged?: string;
                            open: boolean;
                            overflow?: boolean;
                            revision: number;
                            rule: {
                                falsepositives?: string[];
                                hash?: string;
                                id: string;
                                kind: string;
                                life?: string;
                                name: string;
                                references?: string[];
                                response?: string[];
                                risk?: number;
                                tags?: string[];
                                version?: string;
                            };
                            /** @enum {string} */
                            severity: "informational" | "low" | "medium" | "high" | "critical";
                            /** @enum {string} */
                            state: "provisional" | "final" | "amended" | "retracted";
                            suppressed_by: string | null;
                        }[];
                        cursor?: string;
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getAlert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An alert as it stands now, and what was told of it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        alert: {
                            author: string;
                            continues?: string;
                            count: number;
                            events: string[];
                            eventsTotal: number;
                            first: string;
                            group: {
                                [key: string]: string;
                            };
                            id: string;
                            last: string;
                            late?: number;
                            matched?: {
                                [key: string]: string[];
                            };
                            merged?: string;
                            open: boolean;
                            overflow?: boolean;
                            revision: number;
                            rule: {
                                falsepositives?: string[];
                                hash?: string;
                                id: string;
                                kind: string;
                                life?: string;
                                name: string;
                                references?: string[];
                                response?: string[];
                                risk?: number;
                                tags?: string[];
                                version?: string;
                            };
                            /** @enum {string} */
                            severity: "informational" | "low" | "medium" | "high" | "critical";
                            /** @enum {string} */
                            state: "provisional" | "final" | "amended" | "retracted";
                            suppressed_by: string | null;
                        };
                        history: {
                            alert: {
                                author: string;
                                continues?: string;
                                count: number;
                                events: string[];
                                eventsTotal: number;
                                first: string;
                                group: {
                                    [key: string]: string;
                                };
                                id: string;
                                last: string;
                                late?: number;
                                matched?: {
                                    [key: string]: string[];
                                };
                                merged?: string;
                                open: boolean;
                                overflow?: boolean;
                                revision: number;
                                rule: {
                                    falsepositives?: string[];
                                    hash?: string;
                                    id: string;
                                    kind: string;
                                    life?: string;
                                    name: string;
                                    references?: string[];
                                    response?: string[];
                                    risk?: number;
                                    tags?: string[];
                                    version?: string;
                                };
                                /** @enum {string} */
                                severity: "informational" | "low" | "medium" | "high" | "critical";
                                /** @enum {string} */
                                state: "provisional" | "final" | "amended" | "retracted";
                                suppressed_by: string | null;
                            };
                            at: string;
                            kind: string;
                        }[];
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    countAlerts: {
        parameters: {
            query?: {
                /** @description Episodes that reach into the time from here. */
                from?: string;
                open?: "true" | "false";
                rule?: string;
                /** @description At least this severe. */
                severity?: "informational" | "low" | "medium" | "high" | "critical";
                state?: "provisional" | "final" | "amended" | "retracted";
                /** @description Alerts that a planned change explains; without them unless asked for. */
                suppressed?: "without" | "with" | "only";
                /** @description ISO 8601 with zone, such as 2026-03-01T10:00:00Z. */
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How many alerts there are, by severity. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        bySeverity: {
                            critical: number;
                            high: number;
                            informational: number;
                            low: number;
                            medium: number;
                        };
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    exportAlerts: {
        parameters: {
            query?: {
                /** @description `ocsf`: Detection Findings (class 2004) of OCSF 1.8. */
                format?: "json" | "ocsf";
                /** @description Episodes that reach into the time from here. */
                from?: string;
                open?: "true" | "false";
                rule?: string;
                /** @description At least this severe. */
                severity?: "informational" | "low" | "medium" | "high" | "critical";
                state?: "provisional" | "final" | "amended" | "retracted";
                /** @description Alerts that a planned change explains; without them unless asked for. */
                suppressed?: "without" | "with" | "only";
                /** @description ISO 8601 with zone, such as 2026-03-01T10:00:00Z. */
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All alerts of a filter, the one opened last first, one JSON object a line. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    facetAlerts: {
        parameters: {
            query?: {
                /** @description Episodes that reach into the time from here. */
                from?: string;
                open?: "true" | "false";
                rule?: string;
                /** @description At least this severe. */
                severity?: "informational" | "low" | "medium" | "high" | "critical";
                state?: "provisional" | "final" | "amended" | "retracted";
                /** @description Alerts that a planned change explains; without them unless asked for. */
                suppressed?: "without" | "with" | "only";
                /** @description ISO 8601 with zone, such as 2026-03-01T10:00:00Z. */
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How the alerts are spread over severities, states and rules. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        moreRules: boolean;
                        open: number;
                        /** @description The hundred with the most alerts. */
                        rules: {
                            count: number;
                            id: string;
                            name?: string;
                        }[];
                        severity: {
                            critical: number;
                            high: number;
                            informational: number;
                            low: number;
                            medium: number;
                        };
                        state: {
                            amended: number;
                            final: number;
                            provisional: number;
                            retracted: number;
                        };
                        total: number;
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    followAlerts: {
        parameters: {
            query?: {
                /** @description Episodes that reach into the time from here. */
                from?: string;
                open?: "true" | "false";
                rule?: string;
                /** @description At least this severe. */
                severity?: "informational" | "low" | "medium" | "high" | "critical";
                state?: "provisional" | "final" | "amended" | "retracted";
                /** @description Alerts that a planned change explains; without them unless asked for. */
                suppressed?: "without" | "with" | "only";
                /** @description ISO 8601 with zone, such as 2026-03-01T10:00:00Z. */
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Alert revisions as they come (text/event-stream); Last-Event-ID goes on from there. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listAssets: {
        parameters: {
            query?: {
                /** @description The last id of the page before. */
                cursor?: string;
                limit?: number;
                site?: string;
                type?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The devices that are known, in order of their ids. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        assets: {
                            /** @description When it was last changed. */
                            changed: string;
                            /** @description `iot.device_class`: devices that behave alike. */
                            class?: string;
                            /** @enum {string} */
                            criticality?: "low" | "medium" | "high" | "critical";
                            /** @description `device.id` of its events. */
                            id: string;
                            /**
                             * @description By what the device is known, beside its id.
                             * @default {}
                             */
                            identifiers: {
                                [key: string]: string[];
                            };
                            /** @description `device.manufacturer`. */
                            manufacturer?: string;
                            /** @description `device.model.identifier`. */
                            model?: string;
                            /** @description For people. */
                            name?: string;
                            /**
                             * @description `file`: the table that the configuration names.
                             * @enum {string}
                             */
                            origin: "api" | "file";
                            /** @description `iot.owner`: who answers for it. */
                            owner?: string;
                            /** @description Counts the versions of this asset; the ETag names it. */
                            revision: number;
                            /** @description `iot.site`: where it stands. */
                            site?: string;
                            tags?: string[];
                            /** @description `device.type`: what sort of device, such as `thermometer`. */
                            type?: string;
                            /** @description `iot.zone`: part of the network, such as an IEC 62443 zone. */
                            zone?: string;
                        }[];
                        cursor?: string;
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readAsset: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One device, with its version as ETag. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description When it was last changed. */
                        changed: string;
                        /** @description `iot.device_class`: devices that behave alike. */
                        class?: string;
                        /** @enum {string} */
                        criticality?: "low" | "medium" | "high" | "critical";
                        /** @description `device.id` of its events. */
                        id: string;
                        /**
                         * @description By what the device is known, beside its id.
                         * @default {}
                         */
                        identifiers: {
                            [key: string]: string[];
                        };
                        /** @description `device.manufacturer`. */
                        manufacturer?: string;
                        /** @description `device.model.identifier`. */
                        model?: string;
                        /** @description For people. */
                        name?: string;
                        /**
                         * @description `file`: the table that the configuration names.
                         * @enum {string}
                         */
                        origin: "api" | "file";
                        /** @description `iot.owner`: who answers for it. */
                        owner?: string;
                        /** @description Counts the versions of this asset; the ETag names it. */
                        revision: number;
                        /** @description `iot.site`: where it stands. */
                        site?: string;
                        tags?: string[];
                        /** @description `device.type`: what sort of device, such as `thermometer`. */
                        type?: string;
                        /** @description `iot.zone`: part of the network, such as an IEC 62443 zone. */
                        zone?: string;
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    putAsset: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description `iot.device_class`: devices that behave alike. */
                    class?: string;
                    /** @enum {string} */
                    criticality?: "low" | "medium" | "high" | "critical";
                    /**
                     * @description By what the device is known, beside its id.
                     * @default {}
                     */
                    identifiers?: {
                        [key: string]: string[];
                    };
                    /** @description `device.manufacturer`. */
                    manufacturer?: string;
                    /** @description `device.model.identifier`. */
                    model?: string;
                    /** @description For people. */
                    name?: string;
                    /** @description `iot.owner`: who answers for it. */
                    owner?: string;
                    /** @description `iot.site`: where it stands. */
                    site?: string;
                    tags?: string[];
                    /** @description `device.type`: what sort of device, such as `thermometer`. */
                    type?: string;
                    /** @description `iot.zone`: part of the network, such as an IEC 62443 zone. */
                    zone?: string;
                };
            };
        };
        responses: {
            /** @description Makes or replaces a device; with If-Match only the version that it names. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description When it was last changed. */
                        changed: string;
                        /** @description `iot.device_class`: devices that behave alike. */
                        class?: string;
                        /** @enum {string} */
                        criticality?: "low" | "medium" | "high" | "critical";
                        /** @description `device.id` of its events. */
                        id: string;
                        /**
                         * @description By what the device is known, beside its id.
                         * @default {}
                         */
                        identifiers: {
                            [key: string]: string[];
                        };
                        /** @description `device.manufacturer`. */
                        manufacturer?: string;
                        /** @description `device.model.identifier`. */
                        model?: string;
                        /** @description For people. */
                        name?: string;
                        /**
                         * @description `file`: the table that the configuration names.
                         * @enum {string}
                         */
                        origin: "api" | "file";
                        /** @description `iot.owner`: who answers for it. */
                        owner?: string;
                        /** @description Counts the versions of this asset; the ETag names it. */
                        revision: number;
                        /** @description `iot.site`: where it stands. */
                        site?: string;
                        tags?: string[];
                        /** @description `device.type`: what sort of device, such as `thermometer`. */
                        type?: string;
                        /** @description `iot.zone`: part of the network, such as an IEC 62443 zone. */
                        zone?: string;
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteAsset: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removes a device; with If-Match only the version that it names. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    importAssets: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    assets: {
                        /** @description `iot.device_class`: devices that behave alike. */
                        class?: string;
                        /** @enum {string} */
                        criticality?: "low" | "medium" | "high" | "critical";
                        /** @description `device.id` of its events. */
                        id: string;
                        /**
                         * @description By what the device is known, beside its id.
                         * @default {}
                         */
                        identifiers?: {
                            [key: string]: string[];
                        };
                        /** @description `device.manufacturer`. */
                        manufacturer?: string;
                        /** @description `device.model.identifier`. */
                        model?: string;
                        /** @description For people. */
                        name?: string;
                        /** @description `iot.owner`: who answers for it. */
                        owner?: string;
                        /** @description `iot.site`: where it stands. */
                        site?: string;
                        tags?: string[];
                        /** @description `device.type`: what sort of device, such as `thermometer`. */
                        type?: string;
                        /** @description `iot.zone`: part of the network, such as an IEC 62443 zone. */
                        zone?: string;
                    }[];
                    /**
                     * @description Devices that are not in the list, and not of the configured table, go.
                     * @default false
                     */
                    replace?: boolean;
                };
            };
        };
        responses: {
            /** @description Takes a table of devices over, whole or not at all. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        added: number;
                        changed: number;
                        removed: number;
                        /** @description Names that several assets list; events by them are only marked. */
                        shared: number;
                        unchanged: number;
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getConfig: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The running configuration, without its secrets. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    reloadConfig: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Reads the configuration file anew; a bad one changes nothing. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        applied: string[];
                        needsRestart: string[];
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listDeadLetters: {
        parameters: {
            query?: {
                code?: string;
                /** @description Where the page before this ended. */
                cursor?: string;
                limit?: number;
                replayed?: "true" | "false";
                source?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Inputs that could not be read, the newest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        cursor?: string;
                        letters: {
                            bytes: number;
                            code: string;
                            decoder: string;
                            id: string;
                            received: string;
                            replayed?: string;
                            replayOutcome?: string;
                            source: string;
                        }[];
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A dead letter with its input. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        bytes: number;
                        code: string;
                        decoder: string;
                        facts?: {
                            [key: string]: string;
                        };
                        id: string;
                        message: string;
                        raw: string;
                        /** @enum {string} */
                        rawEncoding: "utf8" | "base64";
                        received: string;
                        replayed?: string;
                        replayOutcome?: string;
                        source: string;
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    replayDeadLetter: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Puts the input through its decoder again, after the decoder or its setting changed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        detail?: string;
                        events: number;
                        id: string;
                        /** @enum {string} */
                        outcome: "accepted" | "rejected" | "busy";
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    runHunt: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description Rules to compare with, or the running ones of the same ids; the lines are changes. */
                    against?: "current" | {
                        /** @description Or one EQL query, its pipes ignored. */
                        eql?: string;
                        /** @description Rule files; the ends of their names tell the language. */
                        files?: {
                            path: string;
                            text: string;
                        }[];
                        /** @default false */
                        ignore_logsource?: boolean;
                        /** @description Or one KQL query. */
                        kql?: string;
                        /**
                         * @description Each match by itself, as of a query; else alerts, as of deployed rules.
                         * @default false
                         */
                        matches?: boolean;
                        /**
                         * @description Sigma's field mapping, or the text of a processing pipeline.
                         * @default default
                         */
                        pipeline?: ("default" | "none") | {
                            path: string;
                            text: string;
                        };
                    };
                    /**
                     * @description Assets as they were, or as they are.
                     * @default then
                     * @enum {string}
                     */
                    as_of?: "then" | "now";
                    /**
                     * @description Tells checkpoints, after whole days.
                     * @default false
                     */
                    checkpoints?: boolean;
                    /**
                     * Format: date-time
                     * @description ISO 8601 with zone, such as 2026-03-01T10:00:00Z.
                     */
                    from: string;
                    /** @description Bytes that it may hold; no more than the server allows. */
                    memory_max?: number;
                    /**
                     * Format: base64
                     * @description A checkpoint of a hunt of the same rules, range, context and token.
                     */
                    resume?: string;
                    rules: {
                        /** @description Or one EQL query, its pipes ignored. */
                        eql?: string;
                        /** @description Rule files; the ends of their names tell the language. */
                        files?: {
                            path: string;
                            text: string;
                        }[];
                        /** @default false */
                        ignore_logsource?: boolean;
                        /** @description Or one KQL query. */
                        kql?: string;
                        /**
                         * @description Each match by itself, as of a query; else alerts, as of deployed rules.
                         * @default false
                         */
                        matches?: boolean;
                        /**
                         * @description Sigma's field mapping, or the text of a processing pipeline.
                         * @default default
                         */
                        pipeline?: ("default" | "none") | {
                            path: string;
                            text: string;
                        };
                    };
                    /**
                     * Format: date-time
                     * @description Now unless given; excluded.
                     */
                    to?: string;
                };
            };
        };
        responses: {
            /** @description Runs rules over the stored past: one JSON object a line, as it goes (NDJSON). */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    endHunt: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Calls a hunt off: ones own, or as an admin any. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description This description. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    uploadRules: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path: {
                folder: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    files: {
                        path: string;
                        text: string;
                    }[];
                };
            };
        };
        responses: {
            /** @description Replaces a folder of own rules; all of it must compile, or nothing is changed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Rules, filters, lists and macros that do not compile. */
                        broken: number;
                        changed: boolean;
                        count: number;
                        hash: string;
                        /** @description What is wrong with them; the first twenty. */
                        problems: string[];
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    removeRules: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path: {
                folder: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Takes an uploaded folder of rules away. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Rules, filters, lists and macros that do not compile. */
                        broken: number;
                        changed: boolean;
                        count: number;
                        hash: string;
                        /** @description What is wrong with them; the first twenty. */
                        problems: string[];
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listRules: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Every rule, running or not, and why not. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        rules: {
                            author: string;
                            /** @description Of its normalised text; stands on its alerts. */
                            hash: string;
                            id: string;
                            /** @description Set here, and not by the file. */
                            isSet: boolean;
                            kind: string;
                            language: string;
                            /** @enum {string} */
                            life: "draft" | "live" | "shadow" | "disabled";
                            ok: boolean;
                            path: string;
                            problems: string[];
                            /** @enum {string} */
                            severity: "informational" | "low" | "medium" | "high" | "critical";
                            title: string;
                            /** @description Since the server's start, replays included. */
                            totals: {
                                /** @description Hits of a correlation. */
                                hits: number;
                                /** @description Keys and entries given up for want of room. */
                                lost: number;
                                /** @description Events that it matched; of a correlation none of its own. */
                                matches: number;
                                /** @description Time that it took for itself, estimated. */
                                seconds: number;
                            };
                            version: string | null;
                        }[];
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    setRuleLife: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @enum {string} */
                    life: "live" | "shadow" | "disabled" | "as-written";
                };
            };
        };
        responses: {
            /** @description Live, in shadow (kept, not told), disabled, or as its file says. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        author: string;
                        /** @description Of its normalised text; stands on its alerts. */
                        hash: string;
                        id: string;
                        /** @description Set here, and not by the file. */
                        isSet: boolean;
                        kind: string;
                        language: string;
                        /** @enum {string} */
                        life: "draft" | "live" | "shadow" | "disabled";
                        ok: boolean;
                        path: string;
                        problems: string[];
                        /** @enum {string} */
                        severity: "informational" | "low" | "medium" | "high" | "critical";
                        title: string;
                        /** @description Since the server's start, replays included. */
                        totals: {
                            /** @description Hits of a correlation. */
                            hits: number;
                            /** @description Keys and entries given up for want of room. */
                            lost: number;
                            /** @description Events that it matched; of a correlation none of its own. */
                            matches: number;
                            /** @description Time that it took for itself, estimated. */
                            seconds: number;
                        };
                        version: string | null;
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    reloadRules: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Reads the rule files anew; changes nothing where a running rule broke. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Rules, filters, lists and macros that do not compile. */
                        broken: number;
                        changed: boolean;
                        count: number;
                        hash: string;
                        /** @description What is wrong with them; the first twenty. */
                        problems: string[];
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listSearchTemplates: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The searches that can be run, and the values they take. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        templates: {
                            name: string;
                            parameters: {
                                field?: string;
                                name: string;
                                required: boolean;
                                summary: string;
                            }[];
                            summary: string;
                        }[];
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    runSearchTemplate: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * Format: date-time
                     * @description A day before `to` unless given.
                     */
                    from?: string;
                    /** @default 100 */
                    limit?: number;
                    /**
                     * Format: date-time
                     * @description Now unless given; excluded.
                     */
                    to?: string;
                    /** @default {} */
                    values?: {
                        [key: string]: string;
                    };
                };
            };
        };
        responses: {
            /** @description Runs a search over the stored events. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        columns: string[];
                        rows: unknown[][];
                        truncated: boolean;
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    exportSearchTemplate: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * Format: date-time
                     * @description A day before `to` unless given.
                     */
                    from?: string;
                    /** @default 100 */
                    limit?: number;
                    /**
                     * Format: date-time
                     * @description Now unless given; excluded.
                     */
                    to?: string;
                    /** @default {} */
                    values?: {
                        [key: string]: string;
                    };
                };
            };
        };
        responses: {
            /** @description The rows of a search, one JSON object a line; the header x-picket-truncated says whether there are more. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    whoAmI: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Who asks, what they may do, and the token that their forms must send. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description To be sent in x-csrf-token by what changes something. */
                        csrf?: string;
                        /** @description After logging out here: where the browser ends the session of the OpenID provider. */
                        endSession?: string;
                        id: string;
                        /** @description Fields whose values are hidden, such as user.name. */
                        masks?: string[];
                        mustChangePassword: boolean;
                        name?: string;
                        roles: ("admin" | "analyst" | "responder" | "auditor" | "ingest")[];
                        totp: boolean;
                        /** @description What part of the fleet is seen; all of it where absent. */
                        visibility?: {
                            datasets?: string[];
                            deviceTypes?: string[];
                            sites?: string[];
                        };
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    code?: string;
                    password: string;
                    user: string;
                };
            };
        };
        responses: {
            /** @description Logs in by name and password, and one-time code where one is set up. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description To be sent in x-csrf-token by what changes something. */
                        csrf?: string;
                        /** @description After logging out here: where the browser ends the session of the OpenID provider. */
                        endSession?: string;
                        id: string;
                        /** @description Fields whose values are hidden, such as user.name. */
                        masks?: string[];
                        mustChangePassword: boolean;
                        name?: string;
                        roles: ("admin" | "analyst" | "responder" | "auditor" | "ingest")[];
                        totp: boolean;
                        /** @description What part of the fleet is seen; all of it where absent. */
                        visibility?: {
                            datasets?: string[];
                            deviceTypes?: string[];
                            sites?: string[];
                        };
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Ends the session. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    beginOidcLogin: {
        parameters: {
            query?: {
                /** @description Path of Picket to show afterwards. */
                return_to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Sends the browser to the OpenID provider. */
            302: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description What stood in the way (RFC 9457); as a page to a browser, which a link sends here. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "text/html": string;
                };
            };
        };
    };
    endOidcLogin: {
        parameters: {
            query?: {
                code?: string;
                error?: string;
                iss?: string;
                state?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Where the OpenID provider sends the browser back to; begins the session. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description What stood in the way (RFC 9457); as a page to a browser, which a link sends here. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "text/html": string;
                };
            };
        };
    };
    changePassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    new: string;
                    old: string;
                };
            };
        };
        responses: {
            /** @description Changes one's own password; all other sessions of the user end. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    proposeTotp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A new secret for a second factor; nothing is set up until a code of it is sent. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        secret: string;
                        uri: string;
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    setTotp: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    code: string;
                    password: string;
                    secret: string;
                };
            };
        };
        responses: {
            /** @description Sets up a second factor; needs the password and a code of the new secret. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    removeTotp: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    password: string;
                };
            };
        };
        responses: {
            /** @description Takes the second factor away; needs the password. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listLoginWays: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How one can log in here. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        ways: {
                            /** @enum {string} */
                            kind: "password" | "oidc";
                            label: string;
                            /** @description Where to post the password, or to send the browser. */
                            start: string;
                        }[];
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSource: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Whether anything arrives on a source, and what was made of its last inputs. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description This and the other counts: since the source was started. */
                        deliveries: number;
                        detail?: string;
                        dropped: number;
                        events: number;
                        /** @description The last ten, the newest last. */
                        inputs: {
                            /** @description event.action of its events. */
                            actions?: string[];
                            /** @description Class of a routine input, code of a reject. */
                            code?: string;
                            message?: string;
                            /** @enum {string} */
                            outcome: "events" | "routine" | "reject" | "held";
                            received: string;
                            /** @description The first 300 characters; hidden from those with masked fields. */
                            text: string;
                        }[];
                        /** @description When it last delivered; absent: never since its start. */
                        last?: string;
                        name: string;
                        rejects: number;
                        routine: number;
                        /** @enum {string} */
                        state: "connected" | "paused" | "down";
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listTokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description API tokens, without their secrets. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        tokens: {
                            created: string;
                            createdBy: string;
                            expires?: string;
                            id: string;
                            lastUsed?: string;
                            /** @description Fields whose values are hidden, such as user.name. */
                            masks?: string[];
                            name: string;
                            revoked?: string;
                            roles: ("admin" | "analyst" | "responder" | "auditor" | "ingest")[];
                            /** @description What part of the fleet is seen; all of it where absent. */
                            visibility?: {
                                datasets?: string[];
                                deviceTypes?: string[];
                                sites?: string[];
                            };
                        }[];
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * Format: date-time
                     * @description ISO 8601 with zone, such as 2026-03-01T10:00:00Z.
                     */
                    expires?: string;
                    /** @description Fields whose values are hidden, such as user.name. */
                    masks?: string[];
                    name: string;
                    roles: ("admin" | "analyst" | "responder" | "auditor" | "ingest")[];
                    /** @description What part of the fleet is seen; all of it where absent. */
                    visibility?: {
                        datasets?: string[];
                        deviceTypes?: string[];
                        sites?: string[];
                    };
                };
            };
        };
        responses: {
            /** @description Makes an API token; its text is told once. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        text: string;
                        token: {
                            created: string;
                            createdBy: string;
                            expires?: string;
                            id: string;
                            lastUsed?: string;
                            /** @description Fields whose values are hidden, such as user.name. */
                            masks?: string[];
                            name: string;
                            revoked?: string;
                            roles: ("admin" | "analyst" | "responder" | "auditor" | "ingest")[];
                            /** @description What part of the fleet is seen; all of it where absent. */
                            visibility?: {
                                datasets?: string[];
                                deviceTypes?: string[];
                                sites?: string[];
                            };
                        };
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revokeToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revokes an API token at once. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listUsers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Everyone who may log in. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        users: {
                            created: string;
                            disabled: boolean;
                            id: string;
                            /**
                             * @description `oidc`: has no password here.
                             * @enum {string}
                             */
                            login: "password" | "oidc";
                            /** @description Fields whose values are hidden, such as user.name. */
                            masks?: string[];
                            mustChangePassword: boolean;
                            name: string;
                            roles: ("admin" | "analyst" | "responder" | "auditor" | "ingest")[];
                            totp: boolean;
                            /** @description What part of the fleet is seen; all of it where absent. */
                            visibility?: {
                                datasets?: string[];
                                deviceTypes?: string[];
                                sites?: string[];
                            };
                        }[];
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description Fields whose values are hidden, such as user.name. */
                    masks?: string[];
                    name: string;
                    /** @description Logs in by the OpenID provider alone. */
                    oidc?: boolean;
                    password?: string;
                    roles: ("admin" | "analyst" | "responder" | "auditor" | "ingest")[];
                    /** @description What part of the fleet is seen; all of it where absent. */
                    visibility?: {
                        datasets?: string[];
                        deviceTypes?: string[];
                        sites?: string[];
                    };
                };
            };
        };
        responses: {
            /** @description Makes a user, with a password to be changed at the first login. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Told once; to be changed at the next login. Empty for a user without one. */
                        password: string;
                        user: {
                            created: string;
                            disabled: boolean;
                            id: string;
                            /**
                             * @description `oidc`: has no password here.
                             * @enum {string}
                             */
                            login: "password" | "oidc";
                            /** @description Fields whose values are hidden, such as user.name. */
                            masks?: string[];
                            mustChangePassword: boolean;
                            name: string;
                            roles: ("admin" | "analyst" | "responder" | "auditor" | "ingest")[];
                            totp: boolean;
                            /** @description What part of the fleet is seen; all of it where absent. */
                            visibility?: {
                                datasets?: string[];
                                deviceTypes?: string[];
                                sites?: string[];
                            };
                        };
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removes a user, with sessions; tokens that the user made end too. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    disabled?: boolean;
                    dropTotp?: boolean;
                    grant?: {
                        /** @description Fields whose values are hidden, such as user.name. */
                        masks?: string[];
                        roles: ("admin" | "analyst" | "responder" | "auditor" | "ingest")[];
                        /** @description What part of the fleet is seen; all of it where absent. */
                        visibility?: {
                            datasets?: string[];
                            deviceTypes?: string[];
                            sites?: string[];
                        };
                    };
                };
            };
        };
        responses: {
            /** @description Changes roles and scope, disables or enables, drops a lost second factor; ends the user's sessions. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        created: string;
                        disabled: boolean;
                        id: string;
                        /**
                         * @description `oidc`: has no password here.
                         * @enum {string}
                         */
                        login: "password" | "oidc";
                        /** @description Fields whose values are hidden, such as user.name. */
                        masks?: string[];
                        mustChangePassword: boolean;
                        name: string;
                        roles: ("admin" | "analyst" | "responder" | "auditor" | "ingest")[];
                        totp: boolean;
                        /** @description What part of the fleet is seen; all of it where absent. */
                        visibility?: {
                            datasets?: string[];
                            deviceTypes?: string[];
                            sites?: string[];
                        };
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    resetPassword: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same request under the same key is done once; for a day. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    password?: string;
                };
            };
        };
        responses: {
            /** @description Gives a user a new password, to be changed at the next login; ends the user's sessions. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Told once; to be changed at the next login. Empty for a user without one. */
                        password: string;
                        user: {
                            created: string;
                            disabled: boolean;
                            id: string;
                            /**
                             * @description `oidc`: has no password here.
                             * @enum {string}
                             */
                            login: "password" | "oidc";
                            /** @description Fields whose values are hidden, such as user.name. */
                            masks?: string[];
                            mustChangePassword: boolean;
                            name: string;
                            roles: ("admin" | "analyst" | "responder" | "auditor" | "ingest")[];
                            totp: boolean;
                            /** @description What part of the fleet is seen; all of it where absent. */
                            visibility?: {
                                datasets?: string[];
                                deviceTypes?: string[];
                                sites?: string[];
                            };
                        };
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The process answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Counters, gauges and histograms in Prometheus' text format. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain; version=0.0.4": string;
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Whether events are received and watched; 503 and what is wrong where not. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        problems: {
                            blocking: boolean;
                            component: string;
                            message: string;
                        }[];
                        ready: boolean;
                    };
                };
            };
            /** @description Whether events are received and watched; 503 and what is wrong where not. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        problems: {
                            blocking: boolean;
                            component: string;
                            message: string;
                        }[];
                        ready: boolean;
                    };
                };
            };
            /** @description What stood in the way (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
