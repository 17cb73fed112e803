CREATE DATABASE IF NOT EXISTS ads;
-- Clicks stay for three days: partitions that are older go by themselves.
CREATE TABLE ads.clicks (
    click_id BIGINT COMMENT '点击',
    campaign_id BIGINT COMMENT '广告计划',
    order_id BIGINT COMMENT '成交订单',
    cost DECIMAL(10, 2) COMMENT '花费',
    dt STRING COMMENT '日期'
) COMMENT '点击日志' PARTITIONED BY (dt) WITH (
    'bucket' = '-1',
    'partition.expiration-time' = '3 d',
    'partition.expiration-check-interval' = '1 s',
    'partition.timestamp-formatter' = 'yyyy-MM-dd',
    'partition.timestamp-pattern' = '$dt'
);
CREATE TABLE ads.campaigns (
    campaign_id BIGINT COMMENT '广告计划',
    channel STRING COMMENT '渠道',
    owner STRING COMMENT '负责人',
    PRIMARY KEY (campaign_id) NOT ENFORCED
) COMMENT '广告计划维表' WITH ('bucket' = '4');
-- The state of every order, the same one corrected for days after; a tag a day says what it was then.
CREATE TABLE ads.orders (
    order_id BIGINT COMMENT '订单',
    campaign_id BIGINT COMMENT '归因计划',
    status STRING COMMENT '状态',
    amount DECIMAL(10, 2) COMMENT '金额',
    PRIMARY KEY (order_id) NOT ENFORCED
) COMMENT '订单事实' WITH (
    'bucket' = '2',
    'tag.automatic-creation' = 'process-time',
    'tag.creation-period' = 'daily'
);
-- Downstream, loaded from what changed since yesterday.
CREATE TABLE ads.report (
    order_id BIGINT COMMENT '订单',
    status STRING COMMENT '状态',
    amount DECIMAL(10, 2) COMMENT '金额',
    channel STRING COMMENT '渠道',
    PRIMARY KEY (order_id) NOT ENFORCED
) COMMENT '归因报表' WITH ('bucket' = '2');
