# gitopsc with a shell and Git, for CI: `docker build -t registry.example.com/gitopsc:0.1.0 .` in a checkout. Jobs of a forge start as
# root and check out as they like, so the image names no user.
ARG PYTHON_VERSION=3.12
FROM python:${PYTHON_VERSION}-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends git openssh-client \
 && rm -rf /var/lib/apt/lists/* \
 && git config --system --add safe.directory '*'
COPY . /opt/gitopsc
RUN pip install --no-cache-dir "/opt/gitopsc[images]" \
 && rm -r /opt/gitopsc
WORKDIR /repository
CMD ["gitopsc", "--help"]
