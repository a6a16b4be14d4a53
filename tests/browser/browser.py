"""Drives a headless Chromium over its DevTools protocol, through a pair of pipes: no package is needed for it."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
PATIENCE = 120  # far above anything: only a hang takes as long


def find_browser():
    """One that starts: some systems have a script that only says where to get it."""
    for path in filter(None, map(shutil.which, NAMES)):
        if subprocess.run([path, '--version'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
            return path
    return None


class Browser:
    """One page. Collects what the page complains of and what it asks the network for."""

    def __init__(self):
        self.profile = tempfile.TemporaryDirectory(prefix='ringfold-browser-', ignore_cleanup_errors=True)
        to_browser, self.writer = os.pipe()
        self.reader, from_browser = os.pipe()
        # The browser reads commands from its descriptor 3 and answers to 4.
        arguments = [find_browser(), '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
                     '--no-first-run', '--disable-extensions', '--disable-background-networking', '--hide-scrollbars',
                     f'--user-data-dir={self.profile.name}', '--remote-debugging-pipe', 'about:blank']
        script = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        self.process = subprocess.Popen(['bash', '-c', script, 'bash', *arguments], pass_fds=[to_browser, from_browser],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer = b''
        self.number = 0
        self.session = None
        self.loaded = False
        self.faults = []
        self.requests = []
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(f'{domain}.enable')

    def close(self):
        os.close(self.writer)
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)
        os.close(self.reader)
        self.profile.cleanup()

    def receive(self):
        deadline = time.monotonic() + PATIENCE
        while b'\0' not in self.buffer:
            ready, _, _ = select.select([self.reader], [], [], max(0, deadline - time.monotonic()))
            piece = os.read(self.reader, 1 << 16) if ready else b''
            if not piece:
                raise RuntimeError('the browser does not answer' if not ready else 'the browser has gone')
            self.buffer += piece
        message, self.buffer = self.buffer.split(b'\0', 1)
        message = json.loads(message)
        self.note(message)
        return message

    def note(self, message):
        method, params = message.get('method'), message.get('params', {})
        if method == 'Runtime.exceptionThrown':
            details = params['exceptionDetails']
            self.faults.append(details.get('exception', {}).get('description') or details['text'])
        elif method == 'Runtime.consoleAPICalled' and params['type'] in ('error', 'warning', 'assert'):
            self.faults.append(str([argument.get('value') for argument in params['args']]))
        elif method == 'Log.entryAdded' and params['entry']['level'] in ('error', 'warning'):
            self.faults.append(params['entry']['text'])
        elif method == 'Network.requestWillBeSent':
            self.requests.append(params['request']['url'])
        elif method == 'Page.loadEventFired':
            self.loaded = True

    def call(self, method, **params):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.writer, json.dumps(message).encode() + b'\0')
        while True:
            answer = self.receive()
            if answer.get('id') == self.number:
                if 'error' in answer:
                    raise RuntimeError(f'{method}: {answer["error"]["message"]}')
                return answer['result']

    def open(self, path):
        self.loaded = False
        self.call('Page.navigate', url=path.resolve().as_uri())
        while not self.loaded:
            self.receive()

    def run(self, script):
        """The value of an expression, once the page has drawn."""
        wrapped = f'new Promise(done => requestAnimationFrame(() => setTimeout(() => done((() => {script})()), 0)))'
        answer = self.call('Runtime.evaluate', expression=wrapped, awaitPromise=True, returnByValue=True)
        if 'exceptionDetails' in answer:
            raise RuntimeError(answer['exceptionDetails'].get('exception', {}).get('description', 'a script failed'))
        return answer['result'].get('value')

    def resize(self, width, height=900, scheme='light', media='screen'):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=False)
        features = [{'name': 'prefers-color-scheme', 'value': scheme}]
        self.call('Emulation.setEmulatedMedia', media=media, features=features)

    def screenshot(self, path):
        data = self.call('Page.captureScreenshot', format='png', captureBeyondViewport=True)['data']
        path.write_bytes(base64.b64decode(data))

    def pdf(self, path):
        path.write_bytes(base64.b64decode(self.call('Page.printToPDF', printBackground=True)['data']))
