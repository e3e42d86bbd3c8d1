# tradectl in a container: the daemon of one home, which lies on the volume /data.
# Build: docker build -t tradectl .      How to run it: docs/how-to/run-in-a-container.md
FROM python:3.12-slim AS build
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --wheel-dir /wheels '.[postgres,serve]'

FROM python:3.12-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-index --find-links /wheels 'tradectl[postgres,serve]' && rm -r /wheels \
    && useradd --uid 1000 --create-home tradectl && install -d -o tradectl -g tradectl -m 700 /data
USER tradectl
ENV TRADECTL_HOME=/data PYTHONUNBUFFERED=1
VOLUME /data
STOPSIGNAL SIGTERM
ENTRYPOINT ["tradectl"]
CMD ["daemon"]
