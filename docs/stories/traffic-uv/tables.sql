CREATE DATABASE IF NOT EXISTS traffic;
-- Each device has a number from the first time that it is seen: bitmaps hold numbers, and small ones make small bitmaps.
CREATE TABLE traffic.devices (
    device_id STRING COMMENT '设备指纹',
    device_no BIGINT COMMENT '设备序号',
    PRIMARY KEY (device_id) NOT ENFORCED
) COMMENT '设备字典' WITH (
    'bucket' = '2',
    'merge-engine' = 'first-row',
    'paimonfs.fields.device_no.generator' = 'sequence'
);
-- Counts add up, bitmaps are united: what comes late or in pieces is merged in.
CREATE TABLE traffic.hourly (
    dt STRING COMMENT '日期',
    hh INT COMMENT '小时',
    page STRING COMMENT '页面',
    pv BIGINT COMMENT '浏览量',
    uv VARBINARY(1048576) COMMENT '访客位图',
    PRIMARY KEY (dt, hh, page) NOT ENFORCED
) COMMENT '小时流量' PARTITIONED BY (dt) WITH (
    'bucket' = '1',
    'merge-engine' = 'aggregation',
    'fields.pv.aggregate-function' = 'sum',
    'fields.uv.aggregate-function' = 'rbm32'
);
-- One row a day and page, written anew a day at a time.
CREATE TABLE traffic.daily (
    dt STRING COMMENT '日期',
    page STRING COMMENT '页面',
    uv VARBINARY(1048576) COMMENT '访客位图',
    PRIMARY KEY (dt, page) NOT ENFORCED
) COMMENT '每日访客' PARTITIONED BY (dt) WITH ('bucket' = '1');
