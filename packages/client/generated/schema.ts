// Made from openapi.json by: npm run -s client. Changes are made in packages/server/src/openapi and packages/protocol/src.
export interface paths {
    "/api/v1/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * This description
         * @description For whoever is signed in.
         */
        get: operations["getOpenapiJson"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How each part of the node is
         * @description Open to all.
         */
        get: operations["getHealth"];
        put?: never;
        post?: never;
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
        /**
         * How people can sign in
         * @description Open to all.
         */
        get: operations["getSessionWays"];
        put?: never;
        post?: never;
        delete?: never;
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
        /**
         * Sends a browser to the OpenID Connect provider
         * @description Open to all.
         */
        get: operations["getSessionOidc"];
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
        /**
         * Where the provider sends it back
         * @description Open to all.
         */
        get: operations["getSessionOidcCallback"];
        put?: never;
        post?: never;
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
        /**
         * Who asks
         * @description For whoever is signed in.
         */
        get: operations["getSession"];
        put?: never;
        /**
         * Signs in: by name and password, or by a link that works once
         * @description Open to all.
         */
        post: operations["postSession"];
        /**
         * Signs out
         * @description For whoever is signed in.
         */
        delete: operations["deleteSession"];
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
        /**
         * Sets one's own password
         * @description For whoever is signed in.
         */
        put: operations["putSessionPassword"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How each camera is
         * @description Needs the permission view; leaves out cameras that may not be seen.
         */
        get: operations["getCameras"];
        put?: never;
        /**
         * Adds a camera: of this node, or, with site, one of which the site decides where it is
         * @description Needs the permission administer.
         */
        post: operations["postCameras"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Removes a camera; what it recorded stays; one of the site in the revision that its settings tell
         * @description Needs the permission administer, and that the camera may be seen.
         */
        delete: operations["deleteCamerasId"];
        options?: never;
        head?: never;
        /**
         * Changes a camera: what is given is set, null takes a key away; one of the site in the revision that its settings tell
         * @description Needs the permission administer, and that the camera may be seen.
         */
        patch: operations["patchCamerasId"];
        trace?: never;
    };
    "/api/v1/camera-settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Settings of each camera, and what shall be at it
         * @description Needs the permission view; leaves out cameras that may not be seen.
         */
        get: operations["getCameraSettings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/{id}/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Settings of a camera, and what shall be at it
         * @description Needs the permission view, and that the camera may be seen.
         */
        get: operations["getCamerasIdSettings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/{id}/intent": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Sets scene, rules or subscriptions of a camera, each whole
         * @description Needs the permission operate, and that the camera may be seen.
         */
        patch: operations["patchCamerasIdIntent"];
        trace?: never;
    };
    "/api/v1/cameras/{id}/rules/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What rules would have said of the last hour; nothing is stored or told
         * @description Needs the permission operate, and that the camera may be seen.
         */
        post: operations["postCamerasIdRulesTest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/probe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Reads a camera for some seconds and says what it sends, with advice; of a site, from the node that has it, or may have it
         * @description Needs the permission administer.
         */
        post: operations["postCamerasProbe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/discover": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Finds ONVIF cameras in the network
         * @description Needs the permission administer.
         */
        post: operations["postCamerasDiscover"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/{id}/scene": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Zones, lines and masks of a camera, as core has them
         * @description Needs the permission view, and that the camera may be seen.
         */
        get: operations["getCamerasIdScene"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Models that core knows: tasks, classes, state
         * @description Needs the permission view.
         */
        get: operations["getModels"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/installed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Models that lie on the node: what runs, what is broken and why
         * @description Needs the permission view.
         */
        get: operations["getModelsInstalled"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/offered": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Models that are one job away
         * @description Needs the permission view.
         */
        get: operations["getModelsOffered"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{id}/preview.jpg": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What a model saw when it was tried
         * @description Needs the permission view.
         */
        get: operations["getModelsIdPreviewJpg"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{id}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Switches a model on
         * @description Needs the permission administer.
         */
        post: operations["postModelsIdEnable"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{id}/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Switches a model off
         * @description Needs the permission administer.
         */
        post: operations["postModelsIdDisable"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{id}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Puts the version back that served before
         * @description Needs the permission administer.
         */
        post: operations["postModelsIdRollback"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Takes a model out of the node; its folder stays
         * @description Needs the permission administer.
         */
        delete: operations["deleteModelsId"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/model-jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Models that are, or were lately, tried
         * @description Needs the permission administer.
         */
        get: operations["getModelJobs"];
        put?: never;
        /**
         * Tries a model: adds it, swaps it, or compares it
         * @description Needs the permission administer.
         */
        post: operations["postModelJobs"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/model-jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How far a job is, and what came of it
         * @description Needs the permission administer.
         */
        get: operations["getModelJobsId"];
        put?: never;
        post?: never;
        /**
         * Cancels a job, or forgets one that has ended
         * @description Needs the permission administer.
         */
        delete: operations["deleteModelJobsId"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/model-jobs/{id}/picture.jpg": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What the model saw, or where both disagree most
         * @description Needs the permission administer.
         */
        get: operations["getModelJobsIdPictureJpg"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/model-uploads": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sends an ONNX file, which a job may then name as its source
         * @description Needs the permission administer.
         */
        post: operations["postModelUploads"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/model-uploads/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Removes a file that was sent and is not being tried
         * @description Needs the permission administer.
         */
        delete: operations["deleteModelUploadsId"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/subscriptions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Which model looks at which camera: desired and achieved rate, latency, drops by cause
         * @description Needs the permission view; leaves out cameras that may not be seen.
         */
        get: operations["getSubscriptions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/processes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Processes of the node: state, restarts, why they ended
         * @description Needs the permission view.
         */
        get: operations["getProcesses"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/system": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Versions, the machine, and how many more cameras it carries
         * @description Needs the permission view.
         */
        get: operations["getSystem"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/site": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The nodes of the site: which live, which are away and since when, which this server can ask, what each gives and is used for
         * @description Needs the permission view.
         */
        get: operations["getSite"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/site/nodes/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Has other nodes take the cameras of a node, or gives it cameras again
         * @description Needs the permission administer.
         */
        patch: operations["patchSiteNodesId"];
        trace?: never;
    };
    "/api/v1/latencies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Where the time of looks goes: a histogram for each model and stage, since core started
         * @description Needs the permission view.
         */
        get: operations["getLatencies"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/copies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How far the copies of kept recordings are, in the bucket that ruth.yaml names
         * @description Needs the permission administer.
         */
        get: operations["getCopies"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/storage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How the disk of the recordings is
         * @description Needs the permission view.
         */
        get: operations["getStorage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/detections/latest": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The newest look of each model at a camera
         * @description Needs the permission view, and that the camera may be seen.
         */
        get: operations["getDetectionsLatest"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Looks and events as they come, of all nodes of a site; first, who comes back gets what came since
         * @description Needs the permission view; leaves out cameras that may not be seen.
         */
        get: operations["getLive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Stored events, newest first, in pages that do not shift
         * @description Needs the permission view; leaves out cameras that may not be seen.
         */
        get: operations["getEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events/counts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How many events there were, by hour
         * @description Needs the permission view; leaves out cameras that may not be seen.
         */
        get: operations["getEventsCounts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A stored event
         * @description Needs the permission view; leaves out cameras that may not be seen.
         */
        get: operations["getEventsId"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events/{id}/seen": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Marks an event as seen by who asks
         * @description Needs the permission view; leaves out cameras that may not be seen.
         */
        put: operations["putEventsIdSeen"];
        post?: never;
        /**
         * Takes that mark back
         * @description Needs the permission view; leaves out cameras that may not be seen.
         */
        delete: operations["deleteEventsIdSeen"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events/seen": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Marks several events as seen, or all up to an instant
         * @description Needs the permission view; leaves out cameras that may not be seen.
         */
        post: operations["postEventsSeen"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/recorded": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Whether the recordings of instants are (still) there
         * @description Needs the permission view; leaves out cameras that may not be seen.
         */
        post: operations["postRecorded"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tracks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Stored tracks, newest first
         * @description Needs the permission view; leaves out cameras that may not be seen.
         */
        get: operations["getTracks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/{id}/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Live video as fragmented MP4, of the main or the smaller stream
         * @description Needs the permission view, and that the camera may be seen.
         */
        get: operations["getCamerasIdLive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/{id}/webrtc": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Signalling of the console's WebRTC
         * @description Needs the permission view, and that the camera may be seen.
         */
        get: operations["getCamerasIdWebrtc"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/{id}/pipe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Between servers of a site: a camera over one pipe, for all who watch at another node
         * @description Needs the permission view, and that the camera may be seen.
         */
        get: operations["getCamerasIdPipe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/pipes/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Between servers of a site: where a pipe of this node listens
         * @description Needs the permission view; leaves out cameras that may not be seen.
         */
        get: operations["getPipesId"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/{id}/whep": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Live video over WebRTC: a WHEP offer
         * @description Needs the permission view, and that the camera may be seen.
         */
        post: operations["postCamerasIdWhep"];
        delete?: never;
        /**
         * What WHEP takes
         * @description Needs the permission view, and that the camera may be seen.
         */
        options: operations["optionsCamerasIdWhep"];
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/{id}/whep/{session}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Ends a WHEP session
         * @description Needs the permission view, and that the camera may be seen.
         */
        delete: operations["deleteCamerasIdWhepSession"];
        options?: never;
        head?: never;
        /**
         * Candidates of a WHEP session
         * @description Needs the permission view, and that the camera may be seen.
         */
        patch: operations["patchCamerasIdWhepSession"];
        trace?: never;
    };
    "/api/v1/cameras/{id}/timeline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What of a span is recorded, and why the rest is not
         * @description Needs the permission view, and that the camera may be seen.
         */
        get: operations["getCamerasIdTimeline"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/{id}/keyframes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Where a player can begin, nearest to an instant
         * @description Needs the permission view, and that the camera may be seen.
         */
        get: operations["getCamerasIdKeyframes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/{id}/snapshot.jpg": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A picture of now, or of a recorded instant
         * @description Needs the permission view, and that the camera may be seen.
         */
        get: operations["getCamerasIdSnapshotJpg"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/{id}/hls/index.m3u8": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A span as HLS
         * @description Needs the permission view, and that the camera may be seen.
         */
        get: operations["getCamerasIdHlsIndexM3u8"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/{id}/hls/{file}/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What an HLS playlist names
         * @description Needs the permission view, and that the camera may be seen.
         */
        get: operations["getCamerasIdHlsFileName"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/{id}/segments/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A recorded file
         * @description Needs the permission view, and that the camera may be seen.
         */
        get: operations["getCamerasIdSegmentsName"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cameras/{id}/kept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Keeps a span from retention
         * @description Needs the permission operate, and that the camera may be seen.
         */
        put: operations["putCamerasIdKept"];
        post?: never;
        /**
         * Lets a span go that was kept
         * @description Needs the permission operate, and that the camera may be seen.
         */
        delete: operations["deleteCamerasIdKept"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A span as one MP4
         * @description Needs the permission operate, and that the camera may be seen.
         */
        post: operations["postExports"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/clips": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What was and will be seen around an instant, as one MP4
         * @description Needs the permission operate, and that the camera may be seen.
         */
        post: operations["postClips"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exports/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How far an export is
         * @description Needs the permission operate, and that the camera may be seen.
         */
        get: operations["getExportsId"];
        put?: never;
        post?: never;
        /**
         * Cancels or deletes an export
         * @description Needs the permission operate, and that the camera may be seen.
         */
        delete: operations["deleteExportsId"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exports/{id}/file": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The file of an export
         * @description Needs the permission operate, and that the camera may be seen.
         */
        get: operations["getExportsIdFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/verifications": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How recordings were looked into lately
         * @description Needs the permission operate; leaves out cameras that may not be seen.
         */
        get: operations["getVerifications"];
        put?: never;
        /**
         * Looks into every recording of cameras, in the background: what is missing, damaged, or not as it was recorded
         * @description Needs the permission operate; leaves out cameras that may not be seen.
         */
        post: operations["postVerifications"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/verifications/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How far that is, what was found, and what to do about it
         * @description Needs the permission operate; leaves out cameras that may not be seen.
         */
        get: operations["getVerificationsId"];
        put?: never;
        post?: never;
        /**
         * Cancels it, or forgets one that has ended
         * @description Needs the permission operate; leaves out cameras that may not be seen.
         */
        delete: operations["deleteVerificationsId"];
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
        /**
         * People
         * @description Needs the permission administer.
         */
        get: operations["getUsers"];
        put?: never;
        /**
         * Adds somebody, with a password that works once
         * @description Needs the permission administer.
         */
        post: operations["postUsers"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Removes somebody
         * @description Needs the permission administer.
         */
        delete: operations["deleteUsersName"];
        options?: never;
        head?: never;
        /**
         * Changes somebody
         * @description Needs the permission administer.
         */
        patch: operations["patchUsersName"];
        trace?: never;
    };
    "/api/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * API tokens: one's own, or all for who administers
         * @description Needs the permission view.
         */
        get: operations["getTokens"];
        put?: never;
        /**
         * Makes an API token, which is shown this once
         * @description Needs the permission view.
         */
        post: operations["postTokens"];
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
        /**
         * Removes an API token
         * @description Needs the permission view.
         */
        delete: operations["deleteTokensId"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who saw, changed and exported what
         * @description Needs the permission administer.
         */
        get: operations["getAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How each target of notifications is doing
         * @description Needs the permission administer.
         */
        get: operations["getDeliveries"];
        put?: never;
        post?: never;
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
        /**
         * Events that could not be delivered
         * @description Needs the permission administer.
         */
        get: operations["getDeadLetters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sends one again, at once
         * @description Needs the permission administer.
         */
        post: operations["postDeadLettersIdRetry"];
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
        get?: never;
        put?: never;
        post?: never;
        /**
         * Forgets one
         * @description Needs the permission administer.
         */
        delete: operations["deleteDeadLettersId"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        AlertClearedEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            camera_id: string;
            model_id: string;
            frame_id: number;
            /** @description UTC, seconds */
            captured_at: number;
            /** @description UTC, seconds */
            recording_at: number;
            /** @description The same in raised and cleared */
            alert_id: string;
            rule: string;
            rule_name: string;
            event: string;
            /** @enum {unknown} */
            severity: "info" | "low" | "medium" | "high" | "critical";
            tracks: components["schemas"]["TrackState"][];
            bbox: components["schemas"]["Box"] | null;
            /** @constant */
            type: "alert.cleared";
            /** @description UTC, seconds */
            raised_at: number;
            lasted_s: number;
            /** @enum {unknown} */
            reason: "no_longer" | "track_ended" | "could_not_look" | "rule_changed";
        };
        AlertRaisedEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            camera_id: string;
            model_id: string;
            frame_id: number;
            /** @description UTC, seconds */
            captured_at: number;
            /** @description UTC, seconds */
            recording_at: number;
            /** @description The same in raised and cleared */
            alert_id: string;
            rule: string;
            rule_name: string;
            event: string;
            /** @enum {unknown} */
            severity: "info" | "low" | "medium" | "high" | "critical";
            tracks: components["schemas"]["TrackState"][];
            bbox: components["schemas"]["Box"] | null;
            /** @constant */
            type: "alert.raised";
            conditions: components["schemas"]["HeldCondition"][];
            lasting: boolean;
        };
        AuditEntry: {
            entry_id: number;
            /** @description UTC, seconds */
            at: number;
            /** @description Name of a person, or "token <name>" */
            actor: string;
            action: string;
            camera_id: string | null;
            detail: string;
            address: string;
        };
        Box: [
            number,
            number,
            number,
            number
        ];
        CameraEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            /** @enum {unknown} */
            type: "camera.up" | "camera.down";
            camera_id: string;
            reason: string | null;
        };
        /** @description What shall be at a camera from now on */
        CameraIntentUpdate: {
            /** @description Which models look at the camera, each at most once; none: nobody looks */
            subscriptions?: components["schemas"]["CameraSubscription"][];
            /** @description What the picture of a camera means */
            scene?: {
                /** @description Areas of the picture */
                zones?: components["schemas"]["ZoneConfig"][];
                /** @description Lines that are crossed */
                lines?: components["schemas"]["LineConfig"][];
                /** @description Areas where nothing counts */
                masks?: components["schemas"]["MaskConfig"][];
                /** @description How the ground lies in the picture: speeds are then in metres */
                ground_plane?: {
                    /** @description Four or more points of the ground, not three in a line, as wide apart as can be */
                    points: {
                        image: components["schemas"]["Point"];
                        /** @description Where that is on the ground: x, y in metres from any origin */
                        ground: [
                            number,
                            number
                        ];
                    }[];
                };
                /** @description Tells of objects that are left behind and removed; without this section only where a rule asks for it */
                left_objects?: {
                    /** @description What can be left behind; backpack, handbag and suitcase unless told */
                    classes?: string[];
                    /** @description Who can leave it; person unless told */
                    owners?: string[];
                    /** @description Seconds it must lie still, with nobody near; 30 unless told */
                    after_s?: number;
                    /** @description What "near" is, in heights of the one who is near; 1 unless told */
                    near?: number;
                    /** @description Seconds of looks without what lay still for after_s, until it counts as removed; 5 unless told */
                    gone_s?: number;
                };
            };
            /** @description What raises an alert at this camera; nothing unless told */
            rules?: components["schemas"]["CameraRule"][];
            /** @description Of a camera of the site: the one that is changed or removed, as its settings tell. Where somebody changed it meanwhile, nothing is done */
            revision?: number;
        };
        /** @description url or camera_id */
        CameraProbe: {
            url?: string;
            camera_id?: string;
            /** @enum {unknown} */
            transport?: "tcp" | "udp";
            /** @description 5 unless told; longer where keyframes are rare */
            seconds?: number;
            /** @description Of a url: it is looked at from a node of the site that may have such a camera */
            site?: {
                /** @description Labels of nodes: it is at no other */
                require?: {
                    [key: string]: string;
                };
                /** @description Labels of nodes: rather there */
                prefer?: {
                    [key: string]: string;
                };
                /** @description What it costs a node, in cores */
                cost_cores?: number;
            };
        };
        /** @description Raises an alert when all of its conditions hold */
        CameraRule: {
            /** @description Name of the rule in alerts */
            id: string;
            /** @description Shown on the page; the id unless told */
            name?: string;
            /** @description false keeps the rule without running it; true unless told */
            active?: boolean;
            /** @description Only what this model saw; what any saw unless told */
            model?: string;
            /** @description Classes of the objects that the rule speaks of, as the model names them; any unless told */
            objects?: string | string[];
            /** @description All of these conditions at once; as a list, or as a sentence: person in zone "door" for 10 s between 22:00 and 06:00 then event "loitering" severity high */
            when: string | components["schemas"]["Condition"][];
            /** @description When the rule applies; always unless told */
            during?: {
                /** @description From and to, e.g. ["22:00", "06:00"]; past midnight where the second is the earlier */
                between?: [
                    string,
                    string
                ];
                /** @description A night belongs to the day on which it begins; all unless told */
                days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
            };
            /** @description IANA name, e.g. Europe/Berlin; that of the node unless told */
            time_zone?: string;
            /** @description What the alert is called; the id of the rule unless told */
            event?: string;
            /**
             * @description medium unless told
             * @enum {unknown}
             */
            severity?: "info" | "low" | "medium" | "high" | "critical";
            /** @description After an alert of this rule none for so many seconds at this camera; 0 unless told */
            cooldown_s?: number;
        };
        CameraSearch: {
            /** @description How long to wait for answers; 3 unless told */
            timeout_s?: number;
            user?: string;
            password?: string;
        };
        CameraStatus: {
            camera_id: string;
            name: string;
            note: string | null;
            url: string;
            /** @enum {unknown} */
            state: "connecting" | "streaming" | "stalled" | "down";
            last_error: components["schemas"]["LastError"] | null;
            codec: string | null;
            width: number | null;
            height: number | null;
            fps: number | null;
            /** @enum {unknown} */
            decode_level: "none" | "keyframes" | "reference" | "all";
            leased_fps: number;
            frame_reference: string | null;
            viewers: number;
            counters: {
                packets: number;
                keyframes: number;
                bytes: number;
                decoded: number;
                published: number;
                reconnects: number;
                decode_errors: number;
                restarts: number;
            };
            drops: {
                [key: string]: number;
            };
            pid: number | null;
            bitrate_bps: number | null;
            keyframe_interval_s: number | null;
            packets_lost: number;
            audio_codec: string | null;
            decoder: string | null;
            detect: {
                /** @enum {unknown} */
                state: "connecting" | "streaming" | "stalled" | "down" | "idle";
                width: number | null;
                height: number | null;
                fps: number | null;
                last_error: components["schemas"]["LastError"] | null;
            } | null;
            recording: components["schemas"]["RecordingStatus"];
            live: {
                mse_viewers: number;
                webrtc_viewers: number;
                rtsp_clients: number;
            };
            /** @description Of a site: the node that has it. Where that is away, last_error is node_away, and nothing else is known */
            node?: string;
        };
        /** @description A model looks at a camera */
        CameraSubscription: {
            /** @description Model id; letters, digits, '.', '_' and '-' */
            model: string;
            /** @description Looks per second; never more, and fewer only where frames are dropped and counted */
            desired_fps: number;
            /** @description false keeps the line without running it; true unless told */
            active?: boolean;
            /** @description When it looks; always unless told */
            schedule?: {
                /** @description From and to, e.g. ["22:00", "06:00"]; past midnight where the second is the earlier */
                between?: [
                    string,
                    string
                ];
                /** @description A night belongs to the day on which it begins; all unless told */
                days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
                /** @description IANA name, e.g. Europe/Berlin; that of the node unless told */
                time_zone?: string;
            };
            /** @description Only what stands in this zone of the camera counts; the whole picture unless told. Where the model looks at regions, only at those */
            zone?: string;
            /** @description Looks only while something moves; masks of the camera that hide motion do not count. {} takes the defaults; without this key every due frame is looked at */
            motion?: {
                /** @description How small a change counts as motion: 0 strong ones alone, 100 the faintest; 50 unless told */
                sensitivity?: number;
                /** @description For so many seconds every look is made, while the background is learnt; 5 unless told */
                warm_up_s?: number;
                /** @description Looks go on for so many seconds after the last motion; 2 unless told */
                hold_s?: number;
                /** @description A look is made at least so often, motion or not; 10 unless told. While something is seen that may move, every second */
                forced_look_s?: number;
                /** @description While all that is seen stands still and nothing moves, a look is made so often; as forced_look_s unless told */
                stationary_look_s?: number;
            };
            /** @description Whose looks are cut last where the model cannot serve all: 20 points more double the share; 50 unless told */
            priority?: number;
            /** @description What to look for; the defaults are those of the model */
            config?: {
                /** @description Detections less sure than this are left out */
                confidence_threshold?: number;
                /** @description Of two boxes of one class that overlap more than this, the surer one stays */
                iou_threshold?: number;
                /** @description Only these classes */
                classes?: string[];
                /** @description At most so many, the surest first */
                max_detections?: number;
                /** @description Look only here: x_min, y_min, x_max, y_max, 0..1 of the whole frame */
                roi?: [
                    number,
                    number,
                    number,
                    number
                ];
                /** @description After so many milliseconds nobody wants the answer */
                deadline_ms?: number;
            };
            /** @description Look only where another model saw something, at each place by itself */
            regions?: {
                /** @description Model whose detections are the regions */
                model: string;
                /** @description Only detections of these classes; all unless told */
                classes?: string[];
                /** @description Only detections at least this sure */
                min_confidence?: number;
                /** @description Only boxes at least so high, as a share of the picture */
                min_height?: number;
                /** @description Only boxes at most so high, as a share of the picture */
                max_height?: number;
                /** @description Look at each track at most once in so many seconds; what belongs to no track is not looked at. Whenever it is seen, unless told */
                once_per_track_s?: number;
                /** @description Look at a track that stands still once in so many seconds of the stream; as at any other unless told */
                once_per_stationary_track_s?: number;
                /** @description Its vectors tell what the tracks of that model look like, so that who was hidden is known again; core asks for few of them, and tells them to nobody. For a re-identification model; false unless told */
                appearance?: boolean;
                /** @description Added around each box, as a share of it; 0.15 unless told, 0 with appearance */
                margin?: number;
                /** @description Most regions per frame, largest score first; 8 unless told */
                max_regions?: number;
            };
        };
        /** @description A change of a camera */
        CameraUpdate: {
            /** @description rtsp://user:password@host:554/path; special characters of the password percent-encoded */
            url?: string;
            name?: string | null;
            detect_url?: string | null;
            transport?: ("tcp" | "udp") | null;
            stall_timeout_ms?: number | null;
            frames?: {
                /** @description Frames the ring holds; 8 unless told */
                slots?: number;
            } | null;
            audio?: boolean | null;
            recording?: {
                /** @description false records nothing of this camera; true unless told, where there is a recording section */
                active?: boolean;
                /** @description Older recordings are deleted, but for what is kept; no limit unless told */
                max_age_days?: number;
                /** @description When recordings take more (10^9 bytes), the oldest are deleted, but for what is kept; no limit unless told */
                max_size_gb?: number;
            } | null;
            note?: string | null;
            onvif?: {
                /** @description Device service, e.g. http://host/onvif/device_service, without credentials */
                url: string;
                /** @description That of the camera's url unless told */
                user?: string;
                /** @description That of the camera's url unless told */
                password?: string;
            } | null;
            site?: {
                require?: components["schemas"]["SiteLabels"] | null;
                prefer?: components["schemas"]["SiteLabels"] | null;
                cost_cores?: number | null;
            };
            /** @description Of a camera of the site: the one that is changed or removed, as its settings tell. Where somebody changed it meanwhile, nothing is done */
            revision?: number;
        };
        CameraVerification: {
            camera_id: string;
            files: number;
            bytes: number;
            /** @description Being written: they are not looked into */
            open: number;
            /** @description By kind; 0 of all where everything is as it should be */
            counts: {
                [key: string]: number;
            };
            /** @description The first hundred */
            findings: components["schemas"]["RecordingFinding"][];
            /** @description What to do, for each kind that was found */
            advice: string[];
        };
        Capacity: {
            measured_at: number | null;
            /** @description The time that was measured */
            over_s: number;
            /** @description That stream: those it was measured by */
            cameras: number;
            /** @description Like those that are there; null: cannot be told (yet), message says why */
            more_cameras: number | null;
            /** @description Which of resources ends first, by its place in the list */
            limited_by: number | null;
            message: string;
            resources: components["schemas"]["CapacityResource"][];
        };
        CapacityResource: {
            /** @enum {unknown} */
            kind: "cpu" | "memory" | "model" | "disk_writes" | "disk_space";
            /** @description Which model; null for what there is one of */
            name: string | null;
            unit: string;
            used: number | null;
            /** @description What may be used of it, with a reserve for peaks */
            usable: number | null;
            /** @description What a camera takes on average */
            per_camera: number | null;
            more_cameras: number | null;
            /** @description In words; where something cannot be told, why */
            message: string;
        };
        ClipRequest: {
            camera_id: string;
            /** @description UTC, seconds */
            at: number;
            /** @description Seconds before */
            pre_s: number;
            /** @description Seconds after */
            post_s: number;
        };
        Condition: {
            /** @description It is in this zone */
            in_zone: string;
            /** @description It must have held without a break for so many seconds; at once unless told */
            for_s?: number;
        } | {
            /** @description It is not in this zone */
            outside_zone: string;
            /** @description It must have held without a break for so many seconds; at once unless told */
            for_s?: number;
        } | {
            /** @description It comes into this zone */
            enters_zone: string;
            /** @description It counts for so many seconds after it happened, for other conditions to join it; only in that instant unless told */
            within_s?: number;
        } | {
            /** @description It goes out of this zone, seen to do so */
            leaves_zone: string;
            /** @description It counts for so many seconds after it happened, for other conditions to join it; only in that instant unless told */
            within_s?: number;
        } | {
            /** @description It crosses this line */
            crosses_line: string;
            /**
             * @description Either way unless told
             * @enum {unknown}
             */
            direction?: "in" | "out";
            /** @description It counts for so many seconds after it happened, for other conditions to join it; only in that instant unless told */
            within_s?: number;
        } | {
            /** @description It moves faster, in the unit beside */
            faster_than: number;
            /**
             * @description m/s and km/h need a ground_plane of the camera; frames/s are heights of the picture a second
             * @enum {unknown}
             */
            unit: "m/s" | "km/h" | "frames/s";
            /** @description It must have held without a break for so many seconds; at once unless told */
            for_s?: number;
        } | {
            /** @description It moves slower, in the unit beside */
            slower_than: number;
            /**
             * @description m/s and km/h need a ground_plane of the camera; frames/s are heights of the picture a second
             * @enum {unknown}
             */
            unit: "m/s" | "km/h" | "frames/s";
            /** @description It must have held without a break for so many seconds; at once unless told */
            for_s?: number;
        } | {
            /** @description It moves this way on the screen: up, right, down, left, or degrees clockwise from up */
            heads: ("up" | "right" | "down" | "left") | number;
            /** @description How far to either side; 45 unless told */
            within_degrees?: number;
            /** @description It must have held without a break for so many seconds; at once unless told */
            for_s?: number;
        } | {
            /**
             * @description Its state
             * @enum {unknown}
             */
            is: "moving" | "stationary" | "standing" | "sitting" | "crouching" | "lying" | "fallen" | "left" | "removed";
            /** @description It must have held without a break for so many seconds; at once unless told */
            for_s?: number;
        } | {
            /** @description How many objects of these classes there are; "any" counts all */
            count: string | string[];
            /** @description In this zone; in the whole picture unless told */
            zone?: string;
            /** @description So many or more */
            at_least?: number;
            /** @description So many or fewer; 0 for none */
            at_most?: number;
            /** @description It must have held without a break for so many seconds; at once unless told */
            for_s?: number;
        };
        CopiesStatus: {
            bucket: string;
            /**
             * @description looking: what is to be copied is not known yet. failing: the bucket or the kernel cannot be reached; it is tried again
             * @enum {unknown}
             */
            state: "looking" | "copying" | "ok" | "failing";
            /** @description That lie in the bucket */
            copied_files: number;
            waiting_files: number;
            waiting_bytes: number;
            /** @description That are not what was recorded, and are not copied; "ruth verify" names them */
            damaged_files: number;
            /** @description That the bucket does not take though it takes others; they wait, and are tried again ever less often */
            refused_files: number;
            refusal: string | null;
            last_copied_at: number | null;
            error: string | null;
        };
        CreatedToken: {
            token_id: number;
            name: string;
            owner: string;
            scopes: ("view" | "operate" | "administer" | "metrics")[];
            cameras: string[] | null;
            /** @description UTC, seconds */
            created_at: number;
            expires_at: number | null;
            last_used_at: number | null;
            token: string;
        };
        DeadLetterInfo: {
            letter_id: number;
            target: string;
            event_id: number;
            /** @description UTC, seconds */
            at: number;
            attempts: number;
            error: string;
        };
        DeliveryStatus: {
            /** @description Its kind and id */
            target: string;
            delivered: number;
            /** @description Events that it does not hear of */
            unheard: number;
            /** @description Events in its quiet time, or of what it had heard a moment ago */
            quiet: number;
            /** @description Tries that failed */
            failed: number;
            dead_letters: number;
            last_error: string | null;
            /** @description Nodes of the site that have no server at the moment, whose events are brought from here */
            stands_in_for?: string[];
        };
        Detection: {
            class_id: number;
            class_name: string;
            confidence: number;
            bbox: components["schemas"]["Box"];
            keypoints?: components["schemas"]["Keypoint"][];
            track_id?: number | null;
            /** @description Track of the model that was followed, in whose region this was found; told by core */
            of_track?: number;
            embedding?: number[];
            mask?: unknown;
            attributes?: {
                [key: string]: unknown;
            };
        };
        DetectionEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            /** @constant */
            type: "detection";
            look: components["schemas"]["Look"];
        };
        DiscoveredDevice: {
            address: string;
            onvif_url: string;
            name: string | null;
            hardware: string | null;
            location: string | null;
            streams: components["schemas"]["DiscoveredStream"][] | null;
            error: string | null;
        };
        DiscoveredStream: {
            profile: string;
            url: string;
            codec: string | null;
            width: number | null;
            height: number | null;
            fps: number | null;
            ptz: boolean;
        };
        DwellEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            camera_id: string;
            model_id: string;
            frame_id: number;
            /** @description UTC, seconds */
            captured_at: number;
            /** @description UTC, seconds */
            recording_at: number;
            /** @constant */
            type: "dwell";
            zone: string;
            track: components["schemas"]["TrackState"];
            stay_s: number;
        };
        ErrorBody: {
            error: string;
            error_code: string;
            advice?: string;
            /** @description Where several things may be wrong: each, with its place */
            problems?: {
                /** @description JSON pointer into the body of the request, e.g. /scene/zones/0/polygon */
                pointer: string;
                message: string;
            }[];
        };
        EventCounts: {
            counts: {
                /** @description UTC seconds, its beginning */
                hour: number;
                value: string | null;
                events: number;
            }[];
        };
        EventPage: {
            events: components["schemas"]["StoredEvent"][];
            next_cursor: string | null;
            /** @description Where `after` was asked for: go on after this, until it is what it was */
            last_event_id?: number;
        };
        ExportRequest: {
            camera_id: string;
            /** @description UTC, seconds */
            start: number;
            /** @description UTC, seconds */
            end: number;
        };
        ExportStatus: {
            export_id: string;
            camera_id: string;
            /** @description UTC, seconds */
            start: number;
            /** @description UTC, seconds */
            end: number;
            /** @enum {unknown} */
            state: "running" | "done" | "failed" | "cancelled";
            progress: number;
            bytes: number;
            gaps: components["schemas"]["RecordingGap"][];
            error: string | null;
        };
        FallEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            camera_id: string;
            model_id: string;
            frame_id: number;
            /** @description UTC, seconds */
            captured_at: number;
            /** @description UTC, seconds */
            recording_at: number;
            /** @constant */
            type: "fall";
            track: components["schemas"]["TrackState"];
            /** @description UTC, seconds */
            began_at: number;
            lying_s: number;
        };
        GapEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            /** @constant */
            type: "gap";
            asked_after: number;
            oldest: number;
        };
        HeldCondition: {
            /** @description The condition as a sentence of a rule says it */
            text: string;
            /** @description For how long it had held; null for what happens in an instant */
            held_s: number | null;
            /** @description What was measured, where there is a number: a count, a speed in the unit of the condition */
            value?: number;
        };
        KeepRequest: {
            /** @description UTC, seconds */
            start: number;
            /** @description UTC, seconds */
            end: number;
        };
        Keyframes: {
            camera_id: string;
            /** @description UTC, seconds */
            at: number;
            before: number | null;
            after: number | null;
        };
        Keypoint: [
            number,
            number,
            number
        ];
        LastError: {
            code: string;
            message: string;
            /** @description UTC, seconds */
            at: number;
        };
        /** @description A line that is crossed in one direction or the other */
        LineConfig: {
            /** @description Name of the line in rules and events; letters, digits, '.', '_' and '-' */
            id: string;
            /** @description Shown on the page; the id unless told */
            name?: string;
            /**
             * @description Which point of an object's box tells where it is: the middle of its lower edge, where it stands (unless told), or the centre, for cameras that look straight down
             * @enum {unknown}
             */
            anchor?: "base" | "centre";
            /** @description Only objects of these classes count; all unless told */
            classes?: string[];
            /**
             * @description tracks: who crosses it is told once each way, however often it goes to and fro; crossings: each time. tracks unless told
             * @enum {unknown}
             */
            counts?: "tracks" | "crossings";
            /** @description From first to last, each [x, y]. Who stands on the first point and looks along the line has "in" to the right: crossing a line drawn from left to right, "in" is downwards */
            points: components["schemas"]["Point"][];
        };
        LineCrossedEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            camera_id: string;
            model_id: string;
            frame_id: number;
            /** @description UTC, seconds */
            captured_at: number;
            /** @description UTC, seconds */
            recording_at: number;
            /** @constant */
            type: "line.crossed";
            line: string;
            /** @enum {unknown} */
            direction: "in" | "out";
            track: components["schemas"]["TrackState"];
        };
        Look: {
            camera_id: string;
            model_id: string;
            frame_id: number;
            /** @description UTC, seconds */
            captured_at: number;
            pts_us: number;
            epoch: number;
            width: number;
            height: number;
            detections: components["schemas"]["Detection"][];
            metadata: {
                inference_time_ms?: number;
                queue_ms?: number;
                preprocess_ms?: number;
                postprocess_ms?: number;
                batch_size?: number;
                device?: string;
            };
            error: string | null;
            error_code: string | null;
        };
        LookLatencies: {
            /** @description UTC, seconds: when core started; another one means that all counts began anew */
            since: number;
            /** @description Upper bounds of the buckets, ascending */
            bounds_ms: number[];
            models: {
                model_id: string;
                /** @description In the order of a look; they add up to the whole of it */
                stages: {
                    /** @enum {unknown} */
                    stage: "published" | "due" | "dispatched" | "queued" | "preprocessed" | "inferred" | "answered" | "tracked" | "emitted";
                    /** @description Looks in each bucket alone; one more than bounds_ms: the last is of those above all bounds */
                    looks: number[];
                    sum_ms: number;
                }[];
            }[];
        };
        LookStagesMs: {
            published: {
                p50: number;
                p95: number;
            };
            due: {
                p50: number;
                p95: number;
            };
            dispatched: {
                p50: number;
                p95: number;
            };
            queued: {
                p50: number;
                p95: number;
            };
            preprocessed: {
                p50: number;
                p95: number;
            };
            inferred: {
                p50: number;
                p95: number;
            };
            answered: {
                p50: number;
                p95: number;
            };
            tracked: {
                p50: number;
                p95: number;
            };
            emitted: {
                p50: number;
                p95: number;
            };
        };
        /** @description An area where nothing counts */
        MaskConfig: {
            /** @description Name of the mask; letters, digits, '.', '_' and '-' */
            id?: string;
            /** @description The corners in order around the area, each [x, y], 0..1 of the picture, origin top left */
            polygon: components["schemas"]["Point"][];
            /** @description What does not count here: motion (trees, a clock in the picture), objects that stand here (a statue); both unless told */
            hides?: ("motion" | "objects")[];
            /** @description Only objects of these classes are hidden; all unless told */
            classes?: string[];
        };
        ModelEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            /** @enum {unknown} */
            type: "model.up" | "model.down";
            model_id: string;
            reason: string | null;
        };
        ModelHealth: {
            model_id: string;
            /** @enum {unknown} */
            state: "up" | "down";
            error: string | null;
        };
        ModelJob: {
            job_id: string;
            /** @enum {unknown} */
            kind: "add" | "swap" | "shadow";
            /** @description As it was asked for; of an upload, the name of the file */
            source: string;
            model_id: string | null;
            /** @description What was asked for: the same again, with accept_license, goes on where a licence had to be accepted */
            request: {
                /** @enum {unknown} */
                kind: "add" | "swap" | "shadow";
                /** @description A recipe, an https:// address of an ONNX file, npm:package[@version][/file], or upload: and the id of a file that was sent to POST /api/v1/model-uploads. Files of the machine itself are added on it: ruth model add */
                source: string;
                /** @description Of a new model: its name in paths and messages, that of its file unless told. Else the model that is swapped or compared */
                model_id?: string;
                /** @description How its outputs are read, where that cannot be told from them */
                format?: string;
                /** @description Names of its classes in the order of its outputs, where the file does not tell them */
                names?: string[];
                /** @description Of the weights, as their author states it; "none" where there is none */
                sha256?: string;
                /** @description The licence was read and is accepted. Without it nothing is fetched that has one: the job fails with `license` */
                accept_license?: boolean;
                /** @description How long a shadow compares; 60 unless told */
                compare_s?: number;
            };
            /** @enum {unknown} */
            state: "running" | "done" | "failed" | "cancelled";
            /** @description UTC, seconds */
            began_at: number;
            ended_at: number | null;
            steps: components["schemas"]["ModelJobStep"][];
            license: components["schemas"]["ModelLicense"] | null;
            result: {
                [key: string]: unknown;
            } | null;
            error: string | null;
            error_code: string | null;
            /** @description What it saw, or where both disagree most, can be had as a picture */
            has_picture: boolean;
        };
        ModelJobRequest: {
            /** @enum {unknown} */
            kind: "add" | "swap" | "shadow";
            /** @description A recipe, an https:// address of an ONNX file, npm:package[@version][/file], or upload: and the id of a file that was sent to POST /api/v1/model-uploads. Files of the machine itself are added on it: ruth model add */
            source: string;
            /** @description Of a new model: its name in paths and messages, that of its file unless told. Else the model that is swapped or compared */
            model_id?: string;
            /** @description How its outputs are read, where that cannot be told from them */
            format?: string;
            /** @description Names of its classes in the order of its outputs, where the file does not tell them */
            names?: string[];
            /** @description Of the weights, as their author states it; "none" where there is none */
            sha256?: string;
            /** @description The licence was read and is accepted. Without it nothing is fetched that has one: the job fails with `license` */
            accept_license?: boolean;
            /** @description How long a shadow compares; 60 unless told */
            compare_s?: number;
        };
        ModelJobStep: {
            title: string;
            text: string;
            done: boolean;
            seconds: number;
        };
        ModelLicense: {
            of: string;
            license: string;
            note: string | null;
        };
        ModelStatus: {
            model_id: string;
            model_name: string | null;
            /** @enum {unknown} */
            state: "up" | "down";
            supported_tasks: string[];
            classes: string[];
            keypoint_names: string[];
            skeleton: [
                number,
                number
            ][];
            device: string | null;
            license: string | null;
            last_error: components["schemas"]["LastError"] | null;
            dispatch?: {
                /** @description Requests that are in flight at most; 0 while the model is down */
                places: number;
                in_flight: number;
                /** @description Subscriptions whose turn has not come */
                waiting: number;
                /**
                 * @description open: it failed many times in a row and is not asked; half_open: one look is on trial
                 * @enum {unknown}
                 */
                circuit: "closed" | "open" | "half_open";
            };
        };
        ModelUpload: {
            upload_id: string;
            file_name: string;
            bytes: number;
            sha256: string;
        };
        /** @description A new camera */
        NewCamera: {
            /** @description Name of the camera in paths, messages and events; letters, digits, '.', '_' and '-' */
            id: string;
            /** @description Shown on the page; the id unless told */
            name?: string;
            /** @description rtsp://user:password@host:554/path; special characters of the password percent-encoded */
            url: string;
            /** @description A second, smaller stream of the same camera that is decoded for models; url is recorded and shown. url unless told */
            detect_url?: string;
            /**
             * @description How RTP travels; tcp unless told
             * @enum {unknown}
             */
            transport?: "tcp" | "udp";
            /** @description Milliseconds of silence after which the camera counts as stalled; 5000 unless told */
            stall_timeout_ms?: number;
            /** @description Decoded frames in shared memory */
            frames?: {
                /** @description Frames the ring holds; 8 unless told */
                slots?: number;
            };
            /** @description Keep the sound of the camera where it has one; true unless told */
            audio?: boolean;
            /** @description How this camera is recorded */
            recording?: {
                /** @description false records nothing of this camera; true unless told, where there is a recording section */
                active?: boolean;
                /** @description Older recordings are deleted, but for what is kept; no limit unless told */
                max_age_days?: number;
                /** @description When recordings take more (10^9 bytes), the oldest are deleted, but for what is kept; no limit unless told */
                max_size_gb?: number;
            };
            /** @description Shown on the page beside the camera */
            note?: string;
            /** @description Where the camera can be turned (PTZ) */
            onvif?: {
                /** @description Device service, e.g. http://host/onvif/device_service, without credentials */
                url: string;
                /** @description That of the camera's url unless told */
                user?: string;
                /** @description That of the camera's url unless told */
                password?: string;
            };
            /** @description It is a camera of the site, which decides at which node it is */
            site?: {
                /** @description Labels of nodes: it is at no other */
                require?: {
                    [key: string]: string;
                };
                /** @description Labels of nodes: rather there */
                prefer?: {
                    [key: string]: string;
                };
                /** @description What it costs a node, in cores */
                cost_cores?: number;
            };
        };
        NewToken: {
            name: string;
            scopes: ("view" | "operate" | "administer" | "metrics")[];
            cameras?: string[] | null;
            expires_in_days?: number | null;
        };
        NewUser: {
            /** @description 1 to 63 letters, digits, dot, underscore or dash */
            name: string;
            /** @enum {unknown} */
            role: "viewer" | "operator" | "admin";
            cameras?: string[] | null;
            /** @description At least 10 characters */
            password: string;
        };
        NodeCamera: {
            /** @description Its settings; URLs without credentials, no password */
            config: {
                /** @description Name of the camera in paths, messages and events; letters, digits, '.', '_' and '-' */
                id: string;
                /** @description Shown on the page; the id unless told */
                name?: string;
                /** @description rtsp://user:password@host:554/path; special characters of the password percent-encoded */
                url: string;
                /** @description A second, smaller stream of the same camera that is decoded for models; url is recorded and shown. url unless told */
                detect_url?: string;
                /**
                 * @description How RTP travels; tcp unless told
                 * @enum {unknown}
                 */
                transport?: "tcp" | "udp";
                /** @description Milliseconds of silence after which the camera counts as stalled; 5000 unless told */
                stall_timeout_ms?: number;
                /** @description Decoded frames in shared memory */
                frames?: {
                    /** @description Frames the ring holds; 8 unless told */
                    slots?: number;
                };
                /** @description Keep the sound of the camera where it has one; true unless told */
                audio?: boolean;
                /** @description How this camera is recorded */
                recording?: {
                    /** @description false records nothing of this camera; true unless told, where there is a recording section */
                    active?: boolean;
                    /** @description Older recordings are deleted, but for what is kept; no limit unless told */
                    max_age_days?: number;
                    /** @description When recordings take more (10^9 bytes), the oldest are deleted, but for what is kept; no limit unless told */
                    max_size_gb?: number;
                };
                /** @description Shown on the page beside the camera */
                note?: string;
                /** @description Where the camera can be turned (PTZ) */
                onvif?: {
                    /** @description Device service, e.g. http://host/onvif/device_service, without credentials */
                    url: string;
                    /** @description That of the camera's url unless told */
                    user?: string;
                    /** @description That of the camera's url unless told */
                    password?: string;
                };
            };
            /** @description Its URL has a user or a password */
            has_credentials: boolean;
            managed: boolean;
            subscriptions: components["schemas"]["CameraSubscription"][];
            scene: components["schemas"]["SceneConfig"];
            /** @description Of this camera alone */
            rules: components["schemas"]["CameraRule"][];
            /** @description Of every camera that has what they name: they stand in ruth.yaml under "*", and are changed there */
            shared_rules: components["schemas"]["CameraRule"][];
            /** @description Of a camera of the site; absent: it is of a node's own ruth.yaml */
            site?: {
                /** @description Labels of nodes: it is at no other */
                require?: {
                    [key: string]: string;
                };
                /** @description Labels of nodes: rather there */
                prefer?: {
                    [key: string]: string;
                };
                /** @description What it costs a node, in cores */
                cost_cores?: number;
                revision: number;
                node: string | null;
                refused: string | null;
                unplaced?: string | null;
                measured_cores?: number | null;
                /** @enum {unknown} */
                credentials: "none" | "clear" | "sealed" | "older_key" | "unknown_key";
            };
        };
        /** @description What is not in a list because nobody could be asked for it */
        NotAsked: {
            parts: {
                node: string | null;
                /** @description Why */
                error: string;
            }[];
            /** @description Parts that could not be asked either, and are not named */
            more: number;
        };
        ObjectEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            camera_id: string;
            model_id: string;
            frame_id: number;
            /** @description UTC, seconds */
            captured_at: number;
            /** @description UTC, seconds */
            recording_at: number;
            /** @enum {unknown} */
            type: "object.left" | "object.removed";
            track: components["schemas"]["TrackState"];
            zones: string[];
            /** @description UTC, seconds */
            since: number;
            owner_track_id: number | null;
        };
        OccupancyEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            camera_id: string;
            model_id: string;
            frame_id: number;
            /** @description UTC, seconds */
            captured_at: number;
            /** @description UTC, seconds */
            recording_at: number;
            /** @constant */
            type: "occupancy";
            zone: string;
            count: number | null;
            by_class: {
                [key: string]: number;
            };
        };
        OfferedModel: {
            recipe: string;
            model_id: string;
            model_name: string;
            license: string;
            license_note: string | null;
            author: string;
            description: string;
            /** @description What is to be expected of it */
            expect: string;
            /** @description false: nobody publishes it as ONNX; the job says which commands make it */
            published: boolean;
        };
        PartHealth: {
            /** @enum {unknown} */
            status: "starting" | "ready" | "degraded" | "stopping" | "unreachable";
            version: string | null;
            error: string | null;
        };
        PasswordChange: {
            current?: string;
            /** @description At least 10 characters */
            next: string;
        };
        PipeListener: {
            camera_id: string;
            /** @description IPv4 or IPv6 */
            address: string;
            port: number;
        };
        /** @description x, y: 0..1 of the picture, origin top left */
        Point: [
            number,
            number
        ];
        PostureEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            camera_id: string;
            model_id: string;
            frame_id: number;
            /** @description UTC, seconds */
            captured_at: number;
            /** @description UTC, seconds */
            recording_at: number;
            /** @constant */
            type: "posture";
            track: components["schemas"]["TrackState"];
            /** @enum {unknown} */
            posture: "standing" | "sitting" | "crouching" | "lying";
            /** @description UTC, seconds */
            since: number;
            before: ("standing" | "sitting" | "crouching" | "lying") | null;
        };
        ProbeReport: {
            /** @description Of a site: the node that looked */
            node?: string;
            url: string;
            /** @enum {unknown} */
            transport: "tcp" | "udp";
            refused_transports: {
                [key: string]: string;
            };
            measured_s: number;
            connect_ms: number;
            first_picture_ms: number | null;
            codec: string;
            profile: string | null;
            width: number | null;
            height: number | null;
            stated_fps: number | null;
            fps: number | null;
            fps_jitter: number | null;
            keyframe_interval_s: number | null;
            pictures_per_keyframe: number | null;
            b_frames: boolean | null;
            bitrate_bps: number;
            packets_lost: number | null;
            /** @enum {unknown} */
            parameter_sets: "stream" | "description" | "both" | "missing";
            audio_codec: string | null;
            clock_drift_ppm: number | null;
            sender_reports: boolean | null;
            clock_offset_s: number | null;
            advice: {
                /** @enum {unknown} */
                level: "good" | "note" | "problem";
                text: string;
            }[];
        };
        ProcessHealth: {
            process: string;
            /** @enum {unknown} */
            status: "starting" | "ready" | "degraded" | "stopping";
            version: string;
            pid: number;
            uptime_ms: number;
            /** @description Of the kernel alone */
            recording?: {
                /** @enum {unknown} */
                state: "off" | "ok" | "nearly_full" | "full" | "failing";
                message: string | null;
                since: number | null;
            };
        };
        RecordedAnswer: {
            cameras: {
                [key: string]: components["schemas"]["RecordedAt"][];
            };
        };
        RecordedAt: boolean | "unknown";
        RecordedQuery: {
            cameras: {
                [key: string]: number[];
            };
        };
        RecordedSpan: {
            /** @description UTC, seconds */
            start: number;
            /** @description UTC, seconds */
            end: number;
            /** @description Never deleted by age or size */
            kept: boolean;
            bytes: number;
            /** @description Of a camera that several nodes of a site recorded: which one has it */
            node?: string;
        };
        RecordingFinding: {
            /** @enum {unknown} */
            kind: "missing" | "extra" | "truncated" | "wrong_hash" | "wrong_duration" | "unplayable" | "overlaps";
            file: string;
            start: number | null;
            message: string;
        };
        RecordingGap: {
            /** @description UTC, seconds */
            start: number;
            end: number | null;
            /** @enum {unknown} */
            cause: "camera_down" | "camera_stalled" | "disk_full" | "disk_slow" | "disk_error" | "process_died" | "machine_off" | "stopped" | "clock" | "damaged" | "unknown";
            message: string | null;
        };
        RecordingGapEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            /** @constant */
            type: "recording.gap";
            camera_id: string;
            gap: components["schemas"]["RecordingGap"];
        };
        RecordingHealth: {
            /** @enum {unknown} */
            state: "off" | "ok" | "nearly_full" | "full" | "failing";
            message: string | null;
            since: number | null;
        };
        RecordingStatus: {
            /** @enum {unknown} */
            state: "off" | "waiting" | "recording" | "paused";
            cause: ("camera_down" | "camera_stalled" | "disk_full" | "disk_slow" | "disk_error" | "process_died" | "machine_off" | "stopped" | "clock" | "damaged" | "unknown") | null;
            bytes_written: number;
            segments: number;
            drops: {
                [key: string]: number;
            };
        };
        RuleTest: {
            camera_id: string;
            /** @description UTC, seconds */
            start: number;
            /** @description UTC, seconds */
            end: number;
            /** @description Looks are kept from then on, since core started or as far as memory reaches; null: there are none. What was before it is not known */
            kept_since: number | null;
            models: {
                model_id: string;
                looks: number;
                /** @description Looks that failed: something may have happened in them */
                failed: number;
                /** @description Pictures that were not looked at because nothing moved in them */
                held: number;
            }[];
            /** @description Spans in which no model looked, for whatever reason: what happened there is not known */
            unseen: {
                /** @description UTC, seconds */
                start: number;
                /** @description UTC, seconds */
                end: number;
            }[];
            /** @description In their order; cleared is null for an instant, and for one that still lasted at the end */
            alerts: {
                raised: components["schemas"]["AlertRaisedEvent"];
                cleared: components["schemas"]["AlertClearedEvent"] | null;
            }[];
            /** @description Alerts beyond those that an answer holds */
            alerts_left_out: number;
            /** @description How many events of each other type: what the scene saw, whether a rule asks for it or not */
            events: {
                [key: string]: number;
            };
        };
        /** @description Rules to try; with the zones, lines and masks that the camera has unless others are given */
        RuleTestRequest: {
            rules: components["schemas"]["CameraRule"][];
            /** @description What the picture of a camera means */
            scene?: {
                /** @description Areas of the picture */
                zones?: components["schemas"]["ZoneConfig"][];
                /** @description Lines that are crossed */
                lines?: components["schemas"]["LineConfig"][];
                /** @description Areas where nothing counts */
                masks?: components["schemas"]["MaskConfig"][];
                /** @description How the ground lies in the picture: speeds are then in metres */
                ground_plane?: {
                    /** @description Four or more points of the ground, not three in a line, as wide apart as can be */
                    points: {
                        image: components["schemas"]["Point"];
                        /** @description Where that is on the ground: x, y in metres from any origin */
                        ground: [
                            number,
                            number
                        ];
                    }[];
                };
                /** @description Tells of objects that are left behind and removed; without this section only where a rule asks for it */
                left_objects?: {
                    /** @description What can be left behind; backpack, handbag and suitcase unless told */
                    classes?: string[];
                    /** @description Who can leave it; person unless told */
                    owners?: string[];
                    /** @description Seconds it must lie still, with nobody near; 30 unless told */
                    after_s?: number;
                    /** @description What "near" is, in heights of the one who is near; 1 unless told */
                    near?: number;
                    /** @description Seconds of looks without what lay still for after_s, until it counts as removed; 5 unless told */
                    gone_s?: number;
                };
            };
            /** @description UTC, seconds; an hour before the end unless told */
            start?: number;
            /** @description UTC, seconds; now unless told */
            end?: number;
        };
        /** @description What the picture of a camera means */
        SceneConfig: {
            /** @description Areas of the picture */
            zones?: components["schemas"]["ZoneConfig"][];
            /** @description Lines that are crossed */
            lines?: components["schemas"]["LineConfig"][];
            /** @description Areas where nothing counts */
            masks?: components["schemas"]["MaskConfig"][];
            /** @description How the ground lies in the picture: speeds are then in metres */
            ground_plane?: {
                /** @description Four or more points of the ground, not three in a line, as wide apart as can be */
                points: {
                    image: components["schemas"]["Point"];
                    /** @description Where that is on the ground: x, y in metres from any origin */
                    ground: [
                        number,
                        number
                    ];
                }[];
            };
            /** @description Tells of objects that are left behind and removed; without this section only where a rule asks for it */
            left_objects?: {
                /** @description What can be left behind; backpack, handbag and suitcase unless told */
                classes?: string[];
                /** @description Who can leave it; person unless told */
                owners?: string[];
                /** @description Seconds it must lie still, with nobody near; 30 unless told */
                after_s?: number;
                /** @description What "near" is, in heights of the one who is near; 1 unless told */
                near?: number;
                /** @description Seconds of looks without what lay still for after_s, until it counts as removed; 5 unless told */
                gone_s?: number;
            };
        };
        SeenMarks: {
            event_ids?: number[];
            /** @description UTC seconds: all events before it count as seen from now on */
            before?: number;
        };
        SessionInfo: {
            name: string;
            /** @enum {unknown} */
            kind: "person" | "token";
            permissions: ("view" | "operate" | "administer" | "metrics")[];
            cameras: string[] | null;
            /** @description Nothing else may be done before */
            must_change_password: boolean;
            /** @description True while none was chosen in the place of the one that works once */
            one_time_password?: boolean;
        };
        Shortfall: {
            /**
             * @description What cost most
             * @enum {unknown}
             */
            cause: "busy" | "overwritten" | "no_container" | "overloaded" | "deadline" | "error" | "no_regions" | "stopped" | "circuit_open" | "no_motion" | "failed" | "too_few_frames";
            /** @description Looks a second that it cost */
            fps: number;
            message: string;
        };
        SignInRequest: {
            name: string;
            password: string;
        } | {
            link: string;
        };
        SignInWays: {
            password: boolean;
            oidc: {
                title: string;
                url: string;
            } | null;
        };
        SiteDraining: {
            /** @description UTC, seconds */
            since: number;
            cameras: number | null;
            /** @description That it has still */
            left: number;
            staying: string | null;
        };
        SiteInfo: {
            node: string | null;
            nodes: components["schemas"]["SiteNodeStatus"][];
            problem: string | null;
        };
        /** @description Names and values, e.g. building: north */
        SiteLabels: {
            [key: string]: string;
        };
        /** @description A change of a node of a site */
        SiteNodeChange: {
            /** @description Its cameras of the site go to other nodes, as far as those have room, and it gets none */
            draining: boolean;
        };
        SiteNodeStatus: {
            node_id: string;
            /** @enum {unknown} */
            state: "lives" | "draining" | "away" | "unknown";
            since: number | null;
            /** @description Its server answers this one: what it has can be seen here */
            reachable: boolean;
            error: string | null;
            /** @description Its own, and those of the site */
            cameras: number;
            /** @description Of its own ruth.yaml, which no other node takes */
            own_cameras?: number;
            details?: {
                /** @description It places the cameras of the site at present */
                leads: boolean;
                labels: components["schemas"]["SiteLabels"];
                /** @description What it gives to cameras of the site */
                capacity_cores: number;
                /** @description What those that it has cost: as was stated, else measured, else 0.05 each */
                used_cores: number;
                /** @description Of that, what was measured */
                measured_cores: number;
                draining: components["schemas"]["SiteDraining"] | null;
                outbox: {
                    /** @description Events */
                    waiting: number;
                    oldest_age_s: number;
                    /** @description Events that were let go because too many waited for too long, since the outbox was made */
                    dropped: number;
                    /** @description UTC, seconds: as of then */
                    told_at: number;
                } | null;
                /** @description What it recorded aside, without a lease, and is not among its recordings; absent: nothing */
                unclaimed?: {
                    cameras: number;
                    files: number;
                    bytes: number;
                    /** @description UTC, seconds */
                    since: number;
                };
                /** @description Its clock against that of NATS, by which recordings are dated; absent: not known yet */
                clock?: {
                    ahead_s: number;
                    /** @description By so much that may be wrong, as the answer was under way so long */
                    within_s: number;
                };
            } | null;
        };
        StorageEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            /** @constant */
            type: "recording.storage";
            /** @enum {unknown} */
            state: "off" | "ok" | "nearly_full" | "full" | "failing";
            message: string;
        };
        StorageStatus: {
            directory: string | null;
            bytes: number;
            segments: number;
            free_bytes: number | null;
            total_bytes: number | null;
            /** @enum {unknown} */
            state: "off" | "ok" | "nearly_full" | "full" | "failing";
            message: string | null;
            repaired: {
                [key: string]: number;
            } | null;
            /** @description Recorded aside, in no index; counts for the size that recordings may have. Absent where there is none */
            unclaimed?: {
                cameras: number;
                files: number;
                bytes: number;
                /** @description UTC, seconds */
                since: number;
            };
            /** @description Of what was recorded aside and nobody had decided about, what was deleted since the kernel started: bytes, and files by why: too old; more than recordings may take; no room on the disk. Absent where there was none */
            unclaimed_deleted?: {
                bytes: number;
                age: number;
                size: number;
                room: number;
            };
        };
        StoredEvent: {
            /** @description Given when it was stored */
            event_id: number;
            /**
             * @description Whose `event.id` it is; `site`: what the stream of the site had let go before it was stored (a `gap`)
             * @enum {unknown}
             */
            source: "core" | "kernel" | "site";
            /** @description Whose it is, where several nodes of a site share the store */
            node?: string;
            /** @description UTC, seconds: when what it tells was seen, or happened */
            at: number;
            type: string;
            camera_id: string | null;
            model_id: string | null;
            class_name: string | null;
            zones: string[];
            rule: string | null;
            score: number | null;
            seen: boolean | null;
            recorded: (boolean | "unknown") | null;
            /** @description As it was emitted */
            event: components["schemas"]["DetectionEvent"] | components["schemas"]["ModelEvent"] | components["schemas"]["CameraEvent"] | components["schemas"]["TrackEvent"] | components["schemas"]["ZoneEnteredEvent"] | components["schemas"]["ZoneLeftEvent"] | components["schemas"]["LineCrossedEvent"] | components["schemas"]["DwellEvent"] | components["schemas"]["OccupancyEvent"] | components["schemas"]["ObjectEvent"] | components["schemas"]["PostureEvent"] | components["schemas"]["FallEvent"] | components["schemas"]["AlertRaisedEvent"] | components["schemas"]["AlertClearedEvent"] | components["schemas"]["GapEvent"] | components["schemas"]["RecordingGapEvent"] | components["schemas"]["StorageEvent"] | components["schemas"]["GapEvent"];
        };
        StoredTrack: {
            camera_id: string;
            model_id: string;
            track_id: number;
            /** @description UTC, seconds */
            first_seen: number;
            /** @description UTC, seconds */
            last_seen: number;
            class_name: string;
            score: number;
            end_reason: string | null;
            event: components["schemas"]["TrackEvent"];
        };
        SubscriptionStatus: {
            camera_id: string;
            model_id: string;
            /** @enum {unknown} */
            state: "created" | "running" | "paused" | "stopped";
            desired_fps: number;
            achieved_fps: number;
            due: number;
            sent: number;
            answered: number;
            failed: number;
            drops: {
                busy?: number;
                overwritten?: number;
                no_container?: number;
                overloaded?: number;
                deadline?: number;
                error?: number;
                no_regions?: number;
                stopped?: number;
                circuit_open?: number;
                no_motion?: number;
            };
            latency_ms: {
                p50: number;
                p95: number;
            } | null;
            last_error: components["schemas"]["LastError"] | null;
            priority?: number;
            /** @description Frames that were not its turn; no part of due */
            not_due?: number;
            stages_ms?: components["schemas"]["LookStagesMs"] | null;
            shortfall?: components["schemas"]["Shortfall"] | null;
            /** @description Of a subscription with regions.appearance: tracks that were known again by what they look like */
            identities_kept?: number;
        };
        SupervisedModel: {
            model_id: string;
            /** @enum {unknown} */
            state: "starting" | "running" | "broken" | "disabled" | "available";
            reason: string | null;
            folder: string;
            model_name: string | null;
            model_version: string | null;
            license: string | null;
            pid: number | null;
        };
        SupervisedProcessStatus: {
            name: string;
            /** @enum {unknown} */
            state: "starting" | "ready" | "waiting" | "crash_loop" | "stopped" | "replacing" | "not_replaced";
            pid: number | null;
            /** @description UTC, seconds */
            since: number;
            reason: string | null;
            restarts: number;
            ends: {
                /** @description UTC, seconds */
                at: number;
                reason: string;
            }[];
            resident_bytes: number | null;
            cpu_s: number | null;
        };
        SystemHealth: {
            /** @enum {unknown} */
            status: "ok" | "degraded";
            server: components["schemas"]["ProcessHealth"];
            kernel: components["schemas"]["PartHealth"];
            core: components["schemas"]["PartHealth"];
            models: components["schemas"]["ModelHealth"][] | null;
            recording: components["schemas"]["RecordingHealth"] | null;
            store?: {
                /** @enum {unknown} */
                state: "ok" | "failing";
                message: string | null;
                /** @description Since when it fails: UTC, seconds */
                since: number | null;
            };
        };
        SystemStatus: {
            version: string;
            node_version: string;
            platform: string;
            cores: number;
            memory_bytes: number;
            capacity: components["schemas"]["Capacity"] | null;
            capacity_error: string | null;
        };
        Timeline: {
            camera_id: string;
            /** @description UTC, seconds */
            start: number;
            /** @description UTC, seconds */
            end: number;
            spans: components["schemas"]["RecordedSpan"][];
            gaps: components["schemas"]["RecordingGap"][];
            oldest: number | null;
            newest: number | null;
            /** @description What of the span lies there cannot be told now */
            away?: components["schemas"]["TimelineAway"][];
        };
        TimelineAway: {
            node: string;
            since: number | null;
            error: string;
        };
        TokenInfo: {
            token_id: number;
            name: string;
            owner: string;
            scopes: ("view" | "operate" | "administer" | "metrics")[];
            cameras: string[] | null;
            /** @description UTC, seconds */
            created_at: number;
            expires_at: number | null;
            last_used_at: number | null;
        };
        TrackEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            /** @enum {unknown} */
            type: "track.started" | "track.updated" | "track.ended";
            camera_id: string;
            model_id: string;
            frame_id: number;
            /** @description UTC, seconds */
            captured_at: number;
            track: components["schemas"]["TrackState"];
            best?: {
                frame_id: number;
                /** @description UTC, seconds */
                captured_at: number;
                /** @description UTC, seconds; the instant of the recording that shows it: snapshot.jpg?at= */
                recording_at: number;
                bbox: components["schemas"]["Box"];
                confidence: number;
                sharpness: number | null;
            };
            /** @description Of an ended track: [UTC seconds, x, y] of its base point, simplified */
            trajectory?: [
                number,
                number,
                number
            ][];
            /**
             * @description Why it ended
             * @enum {unknown}
             */
            reason?: "gone" | "could_not_look" | "camera_gone";
        };
        TrackPage: {
            tracks: components["schemas"]["StoredTrack"][];
            next_cursor: string | null;
        };
        TrackState: {
            /** @description Stable while the track lives, within one camera, model and run of core */
            id: number;
            class_id: number;
            class_name: string;
            confidence: number;
            bbox: components["schemas"]["Box"];
            /** @description UTC, seconds */
            first_seen: number;
            /** @description UTC, seconds */
            last_seen: number;
            /** @description It has not moved for some seconds; told at once when that changes */
            stationary?: boolean;
            /** @description Zones it is in */
            zones?: string[];
            speed?: {
                /** @description Heights of the picture in a second */
                frames_per_s: number;
                metres_per_s: number | null;
                heading_degrees: number | null;
            };
        };
        UserChange: {
            /** @enum {unknown} */
            role?: "viewer" | "operator" | "admin";
            cameras?: string[] | null;
            active?: boolean;
            /** @description At least 10 characters */
            password?: string;
        };
        UserInfo: {
            name: string;
            /** @enum {unknown} */
            role: "viewer" | "operator" | "admin";
            cameras: string[] | null;
            active: boolean;
            /** @description UTC, seconds */
            created_at: number;
        };
        Verification: {
            verification_id: string;
            cameras: string[] | null;
            decode: boolean;
            /** @enum {unknown} */
            state: "running" | "done" | "failed" | "cancelled";
            /** @description UTC, seconds */
            began_at: number;
            ended_at: number | null;
            files_done: number;
            /** @description 0 until they are counted */
            files: number;
            /** @description Of each camera that is through */
            results: components["schemas"]["CameraVerification"][];
            error: string | null;
            error_code: string | null;
        };
        VerificationRequest: {
            /** @description All that may be seen unless told */
            cameras?: string[];
            /** @description Every picture is decoded too, which takes many times as long */
            decode?: boolean;
        };
        /** @description An area of the picture */
        ZoneConfig: {
            /** @description Name of the zone in rules and events; letters, digits, '.', '_' and '-' */
            id: string;
            /** @description Shown on the page; the id unless told */
            name?: string;
            /** @description The corners in order around the area, each [x, y], 0..1 of the picture, origin top left */
            polygon: components["schemas"]["Point"][];
            /**
             * @description Which point of an object's box tells where it is: the middle of its lower edge, where it stands (unless told), or the centre, for cameras that look straight down
             * @enum {unknown}
             */
            anchor?: "base" | "centre";
            /** @description Only objects of these classes count; all unless told */
            classes?: string[];
            /** @description An event "dwell" tells once of each object that stays so many seconds; none unless told */
            dwell_s?: number;
        };
        ZoneEnteredEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            camera_id: string;
            model_id: string;
            frame_id: number;
            /** @description UTC, seconds */
            captured_at: number;
            /** @description UTC, seconds */
            recording_at: number;
            /** @constant */
            type: "zone.entered";
            zone: string;
            track: components["schemas"]["TrackState"];
        };
        ZoneLeftEvent: {
            id: number;
            /** @constant */
            version: 1;
            /** @description UTC, seconds, when it was emitted */
            at: number;
            camera_id: string;
            model_id: string;
            frame_id: number;
            /** @description UTC, seconds */
            captured_at: number;
            /** @description UTC, seconds */
            recording_at: number;
            /** @constant */
            type: "zone.left";
            zone: string;
            track: components["schemas"]["TrackState"];
            stay_s: number;
            /** @enum {unknown} */
            reason: "left" | "lost";
        };
    };
    responses: {
        /** @description What was wrong, and what would be right */
        Error: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorBody"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getOpenapiJson: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description This description */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How each part of the node is */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SystemHealth"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getSessionWays: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How people can sign in */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignInWays"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getSessionOidc: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Sends a browser to the OpenID Connect provider */
            302: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getSessionOidcCallback: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Where the provider sends it back */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": unknown;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Who asks */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionInfo"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignInRequest"];
            };
        };
        responses: {
            /** @description Signs in: by name and password, or by a link that works once */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionInfo"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Signs out */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    putSessionPassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordChange"];
            };
        };
        responses: {
            /** @description Sets one's own password */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getCameras: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How each camera is */
            200: {
                headers: {
                    /** @description In a site: what is missing in the list, as nobody could be asked for it; absent: nothing */
                    "ruth-not-asked"?: {
                        "application/json": components["schemas"]["NotAsked"];
                    };
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CameraStatus"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postCameras: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewCamera"];
            };
        };
        responses: {
            /** @description Adds a camera: of this node, or, with site, one of which the site decides where it is */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeCamera"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteCamerasId: {
        parameters: {
            query?: {
                /** @description Of a camera of the site: the one that is changed or removed, as its settings tell. Where somebody changed it meanwhile, nothing is done */
                revision?: number;
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removes a camera; what it recorded stays; one of the site in the revision that its settings tell */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    patchCamerasId: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CameraUpdate"];
            };
        };
        responses: {
            /** @description Changes a camera: what is given is set, null takes a key away; one of the site in the revision that its settings tell */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeCamera"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getCameraSettings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Settings of each camera, and what shall be at it */
            200: {
                headers: {
                    /** @description In a site: what is missing in the list, as nobody could be asked for it; absent: nothing */
                    "ruth-not-asked"?: {
                        "application/json": components["schemas"]["NotAsked"];
                    };
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeCamera"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getCamerasIdSettings: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Settings of a camera, and what shall be at it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeCamera"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    patchCamerasIdIntent: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CameraIntentUpdate"];
            };
        };
        responses: {
            /** @description Sets scene, rules or subscriptions of a camera, each whole */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeCamera"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postCamerasIdRulesTest: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RuleTestRequest"];
            };
        };
        responses: {
            /** @description What rules would have said of the last hour; nothing is stored or told */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RuleTest"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postCamerasProbe: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CameraProbe"];
            };
        };
        responses: {
            /** @description Reads a camera for some seconds and says what it sends, with advice; of a site, from the node that has it, or may have it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProbeReport"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postCamerasDiscover: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CameraSearch"];
            };
        };
        responses: {
            /** @description Finds ONVIF cameras in the network */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DiscoveredDevice"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getCamerasIdScene: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Zones, lines and masks of a camera, as core has them */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SceneConfig"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getModels: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Models that core knows: tasks, classes, state */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelStatus"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getModelsInstalled: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Models that lie on the node: what runs, what is broken and why */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SupervisedModel"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getModelsOffered: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Models that are one job away */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OfferedModel"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getModelsIdPreviewJpg: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What a model saw when it was tried */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/jpeg": unknown;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postModelsIdEnable: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Switches a model on */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    postModelsIdDisable: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Switches a model off */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    postModelsIdRollback: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Puts the version back that served before */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    deleteModelsId: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Takes a model out of the node; its folder stays */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getModelJobs: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Models that are, or were lately, tried */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelJob"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postModelJobs: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ModelJobRequest"];
            };
        };
        responses: {
            /** @description Tries a model: adds it, swaps it, or compares it */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelJob"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getModelJobsId: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How far a job is, and what came of it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelJob"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteModelJobsId: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Cancels a job, or forgets one that has ended */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getModelJobsIdPictureJpg: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the model saw, or where both disagree most */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/jpeg": unknown;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postModelUploads: {
        parameters: {
            query: {
                /** @description As its author calls it, with .onnx at its end; the id of the model is made of it where none is given */
                file_name: string;
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": unknown;
            };
        };
        responses: {
            /** @description Sends an ONNX file, which a job may then name as its source */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelUpload"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteModelUploadsId: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removes a file that was sent and is not being tried */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getSubscriptions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Which model looks at which camera: desired and achieved rate, latency, drops by cause */
            200: {
                headers: {
                    /** @description In a site: what is missing in the list, as nobody could be asked for it; absent: nothing */
                    "ruth-not-asked"?: {
                        "application/json": components["schemas"]["NotAsked"];
                    };
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubscriptionStatus"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getProcesses: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Processes of the node: state, restarts, why they ended */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SupervisedProcessStatus"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getSystem: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Versions, the machine, and how many more cameras it carries */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SystemStatus"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getSite: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The nodes of the site: which live, which are away and since when, which this server can ask, what each gives and is used for */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SiteInfo"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    patchSiteNodesId: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SiteNodeChange"];
            };
        };
        responses: {
            /** @description Has other nodes take the cameras of a node, or gives it cameras again */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getLatencies: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Where the time of looks goes: a histogram for each model and stage, since core started */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LookLatencies"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getCopies: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How far the copies of kept recordings are, in the bucket that ruth.yaml names */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CopiesStatus"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getStorage: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How the disk of the recordings is */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StorageStatus"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getDetectionsLatest: {
        parameters: {
            query: {
                camera: string;
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The newest look of each model at a camera */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Look"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getLive: {
        parameters: {
            query?: {
                /** @description Id of the last event of core that it had */
                core_after?: number;
                /** @description Id of the last event of the kernel (`recording.`) that it had */
                kernel_after?: number;
                /** @description Likewise of the core of another node of the site: `south:1767610000000000` */
                node_after?: string | string[];
                /** @description Only of these cameras, and what belongs to none; all that may be seen unless told */
                camera?: string | string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Looks and events as they come, of all nodes of a site; first, who comes back gets what came since */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getEvents: {
        parameters: {
            query?: {
                /** @description Of these cameras */
                camera?: string | string[];
                /** @description Of what these models saw */
                model?: string | string[];
                /** @description Of objects of these classes */
                class?: string | string[];
                /** @description Of these types, e.g. line.crossed */
                type?: string | string[];
                /** @description In these zones, or over these lines */
                zone?: string | string[];
                /** @description Of alerts of these rules */
                rule?: string | string[];
                min_score?: number;
                /** @description UTC seconds, included; the beginning unless told */
                start?: number;
                /** @description UTC seconds, not included; no end unless told */
                end?: number;
                /** @description 50 unless told */
                limit?: number;
                /** @description next_cursor of the page before */
                cursor?: string;
                /** @description An event_id: what was stored after it, in the order of storing, oldest first; goes with limit alone. For whoever was away */
                after?: number;
                /** @description true: only what whoever asks has not seen */
                unseen?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Stored events, newest first, in pages that do not shift */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventPage"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getEventsCounts: {
        parameters: {
            query: {
                /** @description Of these cameras */
                camera?: string | string[];
                /** @description Of what these models saw */
                model?: string | string[];
                /** @description Of objects of these classes */
                class?: string | string[];
                /** @description Of these types, e.g. line.crossed */
                type?: string | string[];
                /** @description In these zones, or over these lines */
                zone?: string | string[];
                /** @description Of alerts of these rules */
                rule?: string | string[];
                /** @description UTC seconds; the hour it lies in is the first */
                start: number;
                /** @description UTC seconds; not included */
                end: number;
                /** @description One count for each of these; all together unless told */
                by?: "camera" | "model" | "class" | "type" | "zone" | "rule";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How many events there were, by hour */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventCounts"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getEventsId: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A stored event */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StoredEvent"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putEventsIdSeen: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Marks an event as seen by who asks */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    deleteEventsIdSeen: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Takes that mark back */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    postEventsSeen: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SeenMarks"];
            };
        };
        responses: {
            /** @description Marks several events as seen, or all up to an instant */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    postRecorded: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RecordedQuery"];
            };
        };
        responses: {
            /** @description Whether the recordings of instants are (still) there */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecordedAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getTracks: {
        parameters: {
            query?: {
                /** @description Of these cameras */
                camera?: string | string[];
                /** @description Of what these models saw */
                model?: string | string[];
                /** @description Of objects of these classes */
                class?: string | string[];
                min_score?: number;
                /** @description UTC seconds, included; the beginning unless told */
                start?: number;
                /** @description UTC seconds, not included; no end unless told */
                end?: number;
                /** @description 50 unless told */
                limit?: number;
                /** @description next_cursor of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Stored tracks, newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TrackPage"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getCamerasIdLive: {
        parameters: {
            query?: {
                /** @description `detect`: the smaller stream, which models look at, where the camera has one (`detect_url`); `main` unless told */
                stream?: "main" | "detect";
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Live video as fragmented MP4, of the main or the smaller stream */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getCamerasIdWebrtc: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Signalling of the console's WebRTC */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getCamerasIdPipe: {
        parameters: {
            query: {
                receiver: string;
                pipe: string;
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Between servers of a site: a camera over one pipe, for all who watch at another node */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getPipesId: {
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
            /** @description Between servers of a site: where a pipe of this node listens */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PipeListener"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postCamerasIdWhep: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Live video over WebRTC: a WHEP offer */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/sdp": unknown;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    optionsCamerasIdWhep: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What WHEP takes */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    deleteCamerasIdWhepSession: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
                session: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Ends a WHEP session */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    patchCamerasIdWhepSession: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
                session: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Candidates of a WHEP session */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getCamerasIdTimeline: {
        parameters: {
            query: {
                /** @description UTC, seconds */
                start: number;
                /** @description UTC, seconds */
                end: number;
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What of a span is recorded, and why the rest is not */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Timeline"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getCamerasIdKeyframes: {
        parameters: {
            query: {
                /** @description UTC, seconds */
                at: number;
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Where a player can begin, nearest to an instant */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Keyframes"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getCamerasIdSnapshotJpg: {
        parameters: {
            query?: {
                /** @description UTC, seconds */
                at?: number;
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A picture of now, or of a recorded instant */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/jpeg": unknown;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getCamerasIdHlsIndexM3u8: {
        parameters: {
            query: {
                /** @description UTC, seconds */
                start: number;
                /** @description UTC, seconds */
                end: number;
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A span as HLS */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/vnd.apple.mpegurl": unknown;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getCamerasIdHlsFileName: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
                file: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What an HLS playlist names */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "video/mp4": unknown;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getCamerasIdSegmentsName: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A recorded file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "video/mp4": unknown;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putCamerasIdKept: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KeepRequest"];
            };
        };
        responses: {
            /** @description Keeps a span from retention */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    deleteCamerasIdKept: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KeepRequest"];
            };
        };
        responses: {
            /** @description Lets a span go that was kept */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    postExports: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExportRequest"];
            };
        };
        responses: {
            /** @description A span as one MP4 */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExportStatus"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postClips: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ClipRequest"];
            };
        };
        responses: {
            /** @description What was and will be seen around an instant, as one MP4 */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExportStatus"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getExportsId: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How far an export is */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExportStatus"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteExportsId: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Cancels or deletes an export */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getExportsIdFile: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file of an export */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "video/mp4": unknown;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getVerifications: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How recordings were looked into lately */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verification"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postVerifications: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["VerificationRequest"];
            };
        };
        responses: {
            /** @description Looks into every recording of cameras, in the background: what is missing, damaged, or not as it was recorded */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verification"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getVerificationsId: {
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
            /** @description How far that is, what was found, and what to do about it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verification"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteVerificationsId: {
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
            /** @description Cancels it, or forgets one that has ended */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getUsers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description People */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserInfo"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postUsers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewUser"];
            };
        };
        responses: {
            /** @description Adds somebody, with a password that works once */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserInfo"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteUsersName: {
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
            /** @description Removes somebody */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    patchUsersName: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserChange"];
            };
        };
        responses: {
            /** @description Changes somebody */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserInfo"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getTokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description API tokens: one's own, or all for who administers */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenInfo"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postTokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewToken"];
            };
        };
        responses: {
            /** @description Makes an API token, which is shown this once */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedToken"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteTokensId: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removes an API token */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getAudit: {
        parameters: {
            query?: {
                actor?: string;
                action?: string;
                camera?: string;
                /** @description entry_id of the last of the page before */
                before?: number;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Who saw, changed and exported what */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditEntry"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getDeliveries: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How each target of notifications is doing */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryStatus"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getDeadLetters: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events that could not be delivered */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadLetterInfo"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postDeadLettersIdRetry: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Sends one again, at once */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    deleteDeadLettersId: {
        parameters: {
            query?: {
                /** @description Of a site: the node to ask; unless told, the one that has what is asked for, or this one */
                node?: string;
            };
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Forgets one */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
}
