#!/usr/bin/env python3
# A camera for tests: GStreamer's RTSP server. usage: rtsp-camera.py PORT[@user:password] /mount=LAUNCH ...
# LAUNCH is a gst-launch description with a payloader named pay0. Prints "ready" and the port.
import sys, gi
gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0'); gi.require_version('GstRtsp', '1.0')
from gi.repository import Gst, GstRtspServer, GLib, GstRtsp

Gst.init(None)
port, _, credentials = sys.argv[1].partition('@')
server = GstRtspServer.RTSPServer()
server.set_address('127.0.0.1')
server.set_service(port)
if credentials:
    user, password = credentials.split(':', 1)
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, 'user')
    auth.add_digest(user, password, token)
    server.set_auth(auth)
for argument in sys.argv[2:]:
    mount, launch = argument.split('=', 1)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch('( ' + launch + ' )')
    factory.set_shared(True)
    factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP | GstRtsp.RTSPLowerTrans.TCP)
    if credentials:
        role = Gst.Structure.new_empty('user')
        for permission in (GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS, GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT):
            role.set_value(permission, True)
        factory.add_role_from_structure(role)
    server.get_mount_points().add_factory(mount, factory)
GLib.timeout_add_seconds(2, lambda: (server.get_session_pool().cleanup(), True)[1])
if server.attach(None) == 0:
    sys.exit('the port is taken')
print('ready', server.get_bound_port(), flush=True)
GLib.MainLoop().run()
