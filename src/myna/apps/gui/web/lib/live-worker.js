// Socket of live conversion, in a thread of its own, so that a busy page does not delay the sound. It passes messages
// between the audio thread and the server, and reports when the socket is closed.

const MOST_WAITING = 1 << 18; // bytes that are not sent yet; sound that comes later is dropped

self.onmessage = ({data: {url, port}}) => {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({data}) => port.postMessage(data, [data]);
  socket.onclose = () => self.postMessage("closed");
  port.onmessage = (/** @type {MessageEvent} */ {data}) => {
    if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < MOST_WAITING) socket.send(data);
  };
};
