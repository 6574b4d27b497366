package netdb

// Classic returns the services that inetd.conf files of the last forty years name,
// with their well-known ports. It stands in for a services file that is missing or
// has been pruned.
func Classic() *Services {
	return ParseServices(classicServices)
}

// ClassicPrograms returns the RPC programs that an inetd starts, and those
// usually seen beside them.
func ClassicPrograms() *Programs {
	return ParsePrograms(classicPrograms)
}

// The numbers are those of the IANA registry (RFC 6335); names that were never
// registered follow Debian's netbase and the BSDs.
const classicServices = `
tcpmux            1/tcp
echo              7/tcp
echo              7/udp
discard           9/tcp   sink null
discard           9/udp   sink null
systat           11/tcp   users
systat           11/udp   users
daytime          13/tcp
daytime          13/udp
netstat          15/tcp
qotd             17/tcp   quote
qotd             17/udp   quote
msp              18/tcp
msp              18/udp
chargen          19/tcp   ttytst source
chargen          19/udp   ttytst source
ftp-data         20/tcp
ftp              21/tcp
ssh              22/tcp
telnet           23/tcp
smtp             25/tcp   mail
time             37/tcp   timserver
time             37/udp   timserver
nameserver       42/tcp   name
nameserver       42/udp   name
whois            43/tcp   nicname
tacacs           49/tcp
tacacs           49/udp
domain           53/tcp
domain           53/udp
bootps           67/udp   bootp
bootpc           68/udp
tftp             69/udp
gopher           70/tcp
finger           79/tcp
http             80/tcp   www
link             87/tcp   ttylink
kerberos         88/tcp   kerberos5 krb5
kerberos         88/udp   kerberos5 krb5
supdup           95/tcp
linuxconf        98/tcp
hostnames       101/tcp   hostname
poppassd        106/tcp   pop3pw
rtelnet         107/tcp
pop2            109/tcp   pop-2 postoffice
pop3            110/tcp   pop-3
sunrpc          111/tcp   portmapper
sunrpc          111/udp   portmapper
auth            113/tcp   authentication tap ident
uucp-path       117/tcp
nntp            119/tcp   readnews untp
ntp             123/udp
netbios-ns      137/tcp
netbios-ns      137/udp
netbios-dgm     138/tcp
netbios-dgm     138/udp
netbios-ssn     139/tcp
netbios-ssn     139/udp
imap2           143/tcp   imap imap4
bftp            152/tcp
snmp            161/tcp
snmp            161/udp
snmp-trap       162/tcp   snmptrap
snmp-trap       162/udp   snmptrap
irc             194/tcp
qmtp            209/tcp
ldap            389/tcp
ldap            389/udp
https           443/tcp
microsoft-ds    445/tcp
kpasswd         464/tcp
kpasswd         464/udp
submissions     465/tcp   ssmtp smtps urd
saft            487/tcp
exec            512/tcp
biff            512/udp   comsat
login           513/tcp
who             513/udp   whod
shell           514/tcp   cmd
syslog          514/udp
printer         515/tcp   spooler
talk            517/udp
ntalk           518/udp
route           520/udp   router routed
timed           525/udp   timeserver
tempo           526/tcp   newdate
courier         530/tcp   rpc
conference      531/tcp   chat
netnews         532/tcp
netwall         533/udp
uucp            540/tcp   uucpd
klogin          543/tcp
kshell          544/tcp   krcmd
remotefs        556/tcp   rfs_server rfs
nntps           563/tcp   snntp
submission      587/tcp
qmqp            628/tcp
ipp             631/tcp
ldaps           636/tcp
kerberos-adm    749/tcp
krbupdate       760/tcp   kreg
webster         765/tcp
spamd           783/tcp
supfilesrv      871/tcp
rsync           873/tcp
swat            901/tcp
ftps-data       989/tcp
ftps            990/tcp
telnets         992/tcp
imaps           993/tcp
ircs            994/tcp
pop3s           995/tcp
instl_boots    1067/udp
instl_bootc    1068/udp
socks          1080/tcp
kpop           1109/tcp
ingreslock     1524/tcp
registrar      1712/tcp
registrar      1712/udp
cfinger        2003/tcp
nfs            2049/tcp
nfs            2049/udp
knetd          2053/tcp
eklogin        2105/tcp
cvspserver     2401/tcp
dict           2628/tcp
gpsd           2947/tcp
mysql          3306/tcp
nut            3493/tcp
nut            3493/udp
nisd           3551/tcp   apcupsd
distcc         3632/tcp
svn            3690/tcp   subversion
sieve          4190/tcp
hylafax        4559/tcp
munin          4949/tcp   lrrd
hacl-hb        5300/tcp
hacl-hb        5300/udp
hacl-cfg       5302/tcp
hacl-cfg       5302/udp
postgresql     5432/tcp   postgres
nrpe           5666/tcp
nsca           5667/tcp
cvsup          5999/tcp
x11            6000/tcp   x11-0
dtspc          6112/tcp
checkmk-agent  6556/tcp   check_mk check-mk-agent
sane-port      6566/tcp   sane saned
ircd           6667/tcp
http-alt       8080/tcp   webcache
bacula-fd      9102/tcp
git            9418/tcp
ndmp          10000/tcp
zabbix-agent  10050/tcp
amanda        10080/tcp
amanda        10080/udp
kamanda       10081/tcp
kamanda       10081/udp
amandaidx     10082/tcp
amidxtape     10083/tcp
netperf       12865/tcp
bprd          13720/tcp
bpdbm         13721/tcp
bpjava-msvc   13722/tcp
vnetd         13724/tcp
bpcd          13782/tcp
vopied        13783/tcp
binkp         24554/tcp
tfido         60177/tcp
fido          60179/tcp
`

const classicPrograms = `
portmapper    100000  portmap sunrpc rpcbind
rstatd        100001  rstat rstat_svc rup perfmeter
rusersd       100002  rusers
nfs           100003  nfsprog
ypserv        100004  ypprog
mountd        100005  mount showmount
ypbind        100007
walld         100008  rwall shutdown
yppasswdd     100009  yppasswd
etherstatd    100010  etherstat
rquotad       100011  rquotaprog quota rquota
sprayd        100012  spray
rexd          100017  rex
nlockmgr      100021
status        100024
bootparam     100026
ypupdated     100028  ypupdate
keyserv       100029  keyserver
cmsd          100068  dtcalendar
ypxfrd        100069
ttdbserverd   100083  ttdbserver
kcms_server   100221
nfs_acl       100227
sadmind       100232
metad         100229
pcnfsd        150001
amd           300019  amq
sgi_fam       391002  fam
fypxfrd    600100069  freebsd-ypxfrd
`
